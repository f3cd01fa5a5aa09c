public import WeirBPF
import WeirCore
import WeirNFT

/// What Weir puts into network namespaces beside BPF programs: nftables rules, and TPROXY mode's routing.
///
/// Each such namespace is written down (`NamespaceNotes`): `weir unload` goes there also when the agent was killed. The
/// rules themselves say whose they are, by the name of a chain, so that they are found without the notes, too.
public struct NFTMechanism: Sendable {
    private let notes: NamespaceNotes
    private let owner: String

    /// - Parameter pins: the installation that this is of; each writes down its own namespaces.
    public init(_ pins: PinDirectory) {
        notes = NamespaceNotes(pins)
        owner = pins.path.split(separator: "/").last.map { String($0) } ?? "weir"
    }

    /// Puts a workload's policy in force, in place of an earlier one of Weir's.
    /// - Parameter anew: whether somebody else may have changed what is in force.
    func apply(_ resolved: ResolvedWorkload, anew: Bool) throws {
        try apply(resolved, .nftables, Self.options(for: resolved.policy), anew)
    }

    private static func options(for policy: CompiledPolicy) -> Ruleset.Options {
        var options = Ruleset.Options()
        options.interceptionMode = policy.interceptionMode
        return options
    }

    /// The rules of a workload that nftables intercepts.
    /// - Throws: a sentence, when they cannot be written.
    static func ruleset(for resolved: ResolvedWorkload) throws(InvalidValue) -> Ruleset {
        try Ruleset(resolved.policy, options(for: resolved.policy))
    }

    /// Whether a namespace has as many of the rules that intercept a workload as were put there.
    func hasRules(_ noted: NotedWorkload, in namespace: borrowing NetworkNamespace) throws -> Bool {
        let policy = try PolicyCompiler.compile(noted.workload.policy)
        var options = Self.options(for: policy)
        options.dropInvalid = noted.workload.policy.dropInvalid
        let expected = try Ruleset(policy, options).ruleCount
        return try namespace.entered { try NFT().ruleCount() } == expected
    }

    /// What eBPF's hooks do not see of a workload with virtual interfaces: forwarded packets meet no socket.
    /// - Parameter takingInbound: whether inbound connections are for these rules, too.
    func applyForwarded(_ resolved: ResolvedWorkload, takingInbound: Bool, anew: Bool) throws {
        var options = Ruleset.Options()
        options.forwardedOnly = true
        options.takesInbound = takingInbound
        if takingInbound { options.interceptionMode = resolved.policy.interceptionMode }
        try apply(resolved, .ebpf, options, anew)
    }

    private func apply(
        _ resolved: ResolvedWorkload, _ mechanism: Mechanism, _ base: Ruleset.Options, _ anew: Bool
    ) throws {
        var options = base
        options.dropInvalid = resolved.workload.policy.dropInvalid
        options.owner = owner
        let ruleset = try Ruleset(resolved.policy, options)
        try notes.write(resolved, mechanism)
        try inside(resolved.namespacePath) { try $0.apply(ruleset, anew: anew) }
    }

    /// TPROXY mode's routing for the eBPF mechanism.
    func installRouting(_ resolved: ResolvedWorkload) throws {
        let namespace = try NetworkNamespace(path: resolved.namespacePath)
        // Before it is switched on: whoever removes it may be another process, and this one may be killed here.
        try notes.write(resolved, .ebpf, switchesAccept: try !TransparentRouting.isAccepting(namespace))
        try TransparentRouting.install(mark: Self.transparentMark, in: namespace)
    }

    /// Istio's.
    private static let transparentMark: UInt32 = 1337

    /// eBPF takes over: new connections are not decided here, redirected ones go on.
    func drain(_ resolved: ResolvedWorkload) throws {
        notes.takeOver(resolved)
        guard notes.exists(at: resolved.publicPath) else { return }
        try inside(resolved.namespacePath) { try $0.load(try Ruleset.draining()) }
        try notes.write(resolved, .ebpf)
    }

    /// Removes everything from a workload's namespace.
    func remove(_ resolved: ResolvedWorkload) throws {
        try remove(from: resolved.namespacePath, notedAt: resolved.publicPath)
    }

    /// Removes everything from a namespace; one that is gone has taken it along.
    func remove(from path: String) throws { try remove(from: path, notedAt: path) }

    private func remove(from path: String, notedAt note: String) throws {
        guard let cookie = notes.cookie(at: note) else { return }
        if let namespace = NetworkNamespace.find(cookie, at: path) {
            try TransparentRouting.remove(
                mark: Self.transparentMark, in: namespace, wasAccepting: !notes.hasSwitchedAccept(at: note))
            if let nft = try? NFT() { try namespace.entered { try nft.remove() } }
        }
        notes.remove(at: note)
    }

    /// The paths of the namespaces in which something of Weir's may be.
    func noted() -> [String] { notes.paths() }

    /// What stands in those namespaces, by workload.
    public func workloads() throws -> [NotedWorkload] { try notes.workloads() }

    /// What the rules for a workload have decided. Nil: there are none, or its namespace is gone.
    func counters(of noted: NotedWorkload) throws -> NFTCounters? {
        guard let namespace = noted.namespace() else { return nil }
        return try namespace.entered {
            let nft = try NFT()
            return try nft.exists() ? nft.counters() : nil
        }
    }

    /// Cleans every namespace that was written down, or in which rules of this installation are found.
    /// - Returns: how many.
    public func removeAll() throws -> Int {
        let paths = notes.paths()
        for path in paths { try remove(from: path) }
        notes.removeFolder()
        let others = unnoted()
        for path in others { try inside(path) { try $0.remove() } }
        return paths.count + others.count
    }

    /// Paths of namespaces with rules of this installation of which no note tells.
    func unnoted() -> [String] {
        guard let nft = try? NFT() else { return [] }
        let noted = Set(notes.paths().compactMap(notes.cookie(at:)))
        return NetworkNamespace.everywhere().filter { path in
            guard let namespace = try? NetworkNamespace(path: path), !noted.contains(namespace.cookie) else {
                return false
            }
            return (try? namespace.entered { try nft.owns(owner) }) ?? false
        }
    }

    /// What is written down of a workload's namespace.
    func note(of resolved: ResolvedWorkload) -> String? { notes.text(at: resolved.publicPath) }

    func isNoted(_ resolved: ResolvedWorkload) -> Bool { notes.exists(at: resolved.publicPath) }

    /// Writes a note again that was removed.
    func write(_ note: String, of resolved: ResolvedWorkload) throws { try notes.write(note, at: resolved.publicPath) }

    private func inside(_ path: String, _ body: (NFT) throws -> Void) throws {
        try NetworkNamespace(path: path).entered { try body(try NFT()) }
    }
}

extension NetworkNamespace {
    /// `enter` for what fails in other ways.
    func entered<Result>(_ body: () throws -> Result) throws -> Result {
        try enter { () throws(BPFError) in Swift.Result(catching: body) }.get()
    }
}
