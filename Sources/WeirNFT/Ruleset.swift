public import WeirCore

/// A policy as one nftables ruleset: the text of a script for `nft -f -` in the workload's network namespace.
///
/// The table is Weir's own, and nothing outside it is touched. Loading the script replaces what an earlier one left in
/// one transaction. The base chains stay, with other rules: a chain that were deleted and made anew would for a moment
/// stand twice in the hook, the new one in front (nf_hook_entries_grow), and a packet could pass the new one before
/// and the old one after the change, and be decided by neither. For the same reason there are only anonymous sets and
/// chains, which belong to a rule (Linux 5.9, nft 0.9.7). Counters stay, too.
///
/// NAT looks at the first packet of a connection alone, so established connections keep what was decided of them.
public struct Ruleset: Hashable, Sendable {
    /// The script. `NFT.apply` makes its interval sets beforehand.
    public let text: String
    let table: String
    /// How many rules its chains have.
    public let ruleCount: Int
    /// What TPROXY mode needs beside it, before the script is loaded.
    public let routing: PolicyRouting?

    /// What a policy does not say.
    public struct Options: Hashable, Sendable {
        /// The table's name: letters, digits and underscores.
        public var table = "weir"
        public var interceptionMode = InterceptionMode.redirect
        /// Whether to drop what connection tracking finds invalid, as Istio and Kuma can be told to.
        public var dropInvalid = false
        /// SO_MARK of the proxy's connections in TPROXY mode, when the policy does not say it.
        public var mark: UInt32 = 1337
        /// The cgroup whose sockets are the proxy's.
        public var proxyCgroup: Cgroup?
        /// The workload, when it is a cgroup of the host and not a namespace; nothing inbound is captured then.
        public var workloadCgroup: Cgroup?
        /// Only what no socket of the namespace sees: TCP that it would forward, and datagrams that arrive. For a
        /// workload of the eBPF mechanism with virtual interfaces.
        public var forwardedOnly = false
        /// With `forwardedOnly`: also what comes in for the namespace itself, where BPF programs cannot steer it.
        public var takesInbound = false
        /// What TCP does in place of going to the proxy, while that does not listen. Nil: it is refused.
        public var withoutProxy: Substitute?

        /// Whose table it is, for `NFT.owns`.
        public var owner: String?

        public init() {}
    }

    /// An empty chain, which every kernel and nft knows, has a name that says whose table it is.
    static func marker(_ owner: String) -> String {
        "owner_" + String(owner.prefix(100).map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") ? $0 : "_" })
    }

    public enum Substitute: Hashable, Sendable {
        case direct
        /// To this port, where Weir's own proxy listens.
        case fallback(UInt16)
    }

    /// The conntrack zone of captured UDP, so that the entry of a captured query does not decide for the proxy's own
    /// from the same port, nor the other way round.
    static let zone = 53

    /// - Throws: a sentence that names what cannot be written as an nftables rule.
    public init(_ policy: CompiledPolicy, _ options: Options = Options()) throws(InvalidValue) {
        try Self.check(options.table)
        table = options.table
        var writer = RulesetWriter(policy, options)
        let owner = options.owner.map { [Chain(Self.marker($0), nil, [])] } ?? []
        let chains = try writer.chains() + owner
        text = Self.script(options.table, chains, writer.counters)
        ruleCount = chains.reduce(0) { $0 + ($1.rules?.count ?? 0) }
        let needsRouting = !writer.transparent.isEmpty && !options.takesInbound
        routing = needsRouting ? PolicyRouting(mark: writer.mark, captured: writer.transparent) : nil
    }

    private static func script(_ table: String, _ chains: [Chain], _ counters: Set<String>) -> String {
        var text = "add table inet \(table)\n"
        for chain in chains {
            text += "add chain inet \(table) \(chain.name)\(chain.hook.map { " { \($0) }" } ?? "")\n"
            text += "flush chain inet \(table) \(chain.name)\n"
        }
        // What an earlier ruleset had and this one has not.
        for chain in chains where chain.rules == nil { text += "delete chain inet \(table) \(chain.name)\n" }
        for counter in counters.sorted() { text += "add counter inet \(table) \(counter)\n" }
        text += "table inet \(table) {\n"
        for chain in chains {
            guard let rules = chain.rules, !rules.isEmpty else { continue }
            text += "\tchain \(chain.name) {\n" + rules.map { "\t\t\($0)\n" }.joined() + "\t}\n"
        }
        return text + "}\n"
    }

    /// A script that decides nothing for new connections any more, and goes on translating the packets of those that
    /// were redirected: for a workload that another mechanism takes over. Without the table they would be cut.
    public static func draining(table: String = "weir") throws(InvalidValue) -> String {
        try check(table)
        return script(table, RulesetWriter.deciding.map { Chain($0.name, $0.hook, []) }, [])
    }

    /// A script that removes everything, also where there is nothing. Redirected connections are cut.
    public static func removal(table: String = "weir") throws(InvalidValue) -> String {
        try check(table)
        return "add table inet \(table)\ndelete table inet \(table)\n"
    }

    private static func check(_ table: String) throws(InvalidValue) {
        let allowed = table.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte) || byte == 0x5f
        }
        guard allowed, let first = table.utf8.first, first > 0x39, table.utf8.count <= 64 else {
            throw InvalidValue("\"\(table)\" cannot name an nftables table; use letters, digits and underscores")
        }
    }
}
