import WeirCore

/// A chain of the table.
struct Chain {
    let name: String
    /// Where it hangs; nil: it is jumped to.
    let hook: String?
    /// Nil: there is no such chain.
    let rules: [String]?

    init(_ name: String, _ hook: String?, _ rules: [String]?) {
        self.name = name
        self.hook = hook
        self.rules = rules
    }
}

/// Writes the chains of a ruleset.
struct RulesetWriter {
    let policy: CompiledPolicy
    let options: Ruleset.Options
    private(set) var counters: Set<String> = []
    /// TPROXY mode: the families of which something is captured.
    private(set) var transparent: Set<Family> = []

    /// TPROXY mode with something to deliver: Istio sets up none of it for an empty list of inbound ports.
    var isTransparent: Bool {
        options.interceptionMode == .tproxy && options.workloadCgroup == nil
            && policy.inboundRules.contains { $0.verdict == .inbound }
    }
    /// SO_MARK of the proxy, and connection mark of what it opens.
    let mark: UInt32
    /// Connection mark of what is for the proxy's inbound port in TPROXY mode.
    var inboundMark: UInt32 { mark &+ 1 }

    init(_ policy: CompiledPolicy, _ options: Ruleset.Options) {
        self.policy = policy
        self.options = options
        mark = policy.mark == 0 ? options.mark : policy.mark
    }

    /// The chains that decide, one a direction and transport. Those of type nat cost established connections nothing.
    static let deciding = [
        Chain("outbound_tcp", "type nat hook output priority -100; policy accept;", nil),
        Chain("outbound_udp", "type nat hook output priority -100; policy accept;", nil),
        Chain("inbound_tcp", "type nat hook prerouting priority -100; policy accept;", nil),
        Chain("inbound_udp", "type nat hook prerouting priority -100; policy accept;", nil),
    ]

    mutating func chains() throws(InvalidValue) -> [Chain] {
        let rules = [try outboundTCP(), try outboundUDP(), try inboundTCP(), try inboundUDP()]
        let decisions = zip(Self.deciding, rules).map { Chain($0.name, $0.hook, $1) }
        let others = [
            Chain("invalid", "type filter hook prerouting priority mangle; policy accept;", invalid),
            Chain("answers", "type route hook output priority mangle; policy accept;", answers),
            Chain("delivery", "type filter hook prerouting priority -90; policy accept;", delivery),
        ]
        let zones = Chain(
            "outbound_zones", "type filter hook output priority raw; policy accept;",
            options.forwardedOnly ? nil : try queries())
        return decisions.flatMap { ofWorkload($0) } + ofWorkload(zones, answersInZone) + others
    }

    /// A workload that is a cgroup shares the namespace's hooks: one look at the socket tells whether a packet is its
    /// own, and the rules stand in a chain beside. Jumping keeps to the rules of one moment as staying does.
    /// - Parameter common: rules for everybody, before those.
    private func ofWorkload(_ chain: Chain, _ common: [String] = []) -> [Chain] {
        guard let cgroup = options.workloadCgroup, chain.name.hasPrefix("outbound") else {
            return [Chain(chain.name, chain.hook, chain.rules.map { common + $0 })]
        }
        let inner = "workload_\(chain.name)"
        return [
            Chain(inner, nil, chain.rules),
            Chain(chain.name, chain.hook, chain.rules.map { _ in common + ["\(cgroup.match) jump \(inner)"] }),
        ]
    }

    /// Tracking takes up a connection at any packet.
    private static let notFirst = "tcp flags & (fin | syn | rst | ack) != syn"

    private mutating func outboundTCP() throws(InvalidValue) -> [String] {
        if options.forwardedOnly { return [] }
        let marking = isTransparent ? ["meta mark \(mark) ct mark set \(mark)"] : []
        // A connection of the namespace with itself that is older than this table: one that eBPF has redirected, whose
        // proxy's end would count as the proxy calling its own workload. Elsewhere such packets are decided, as by the
        // peers' rules, because what lost its tracking entry must not leave for its origin in clear text.
        let older = "oif \"lo\" \(Self.notFirst) accept"
        return ["meta l4proto != tcp accept"] + marking + [older] + (try decisions(.outbound, .tcp))
    }

    private mutating func outboundUDP() throws(InvalidValue) -> [String] {
        guard !options.forwardedOnly, let gate = gate(.outbound) else { return [] }
        return gate + (try decisions(.outbound, .udp))
    }

    private mutating func inboundTCP() throws(InvalidValue) -> [String] {
        guard options.workloadCgroup == nil else { return [] }
        return [
            "meta l4proto != tcp accept",
            // Decided on its way out.
            "iif \"lo\" accept",
        ] + (options.forwardedOnly && !options.takesInbound ? ["fib daddr type local accept"] : []) + [
            // A connection older than this table, which tracking has just picked up, belongs to its socket.
            "\(Self.notFirst) socket wildcard 0 accept"
        ] + (try decisions(.inbound, .tcp))
    }

    private mutating func inboundUDP() throws(InvalidValue) -> [String] {
        guard options.workloadCgroup == nil, let gate = gate(.inbound) else { return [] }
        return gate + ["iif \"lo\" accept"] + (try decisions(.inbound, .udp))
    }

    private mutating func decisions(_ direction: Direction, _ transport: Transport) throws(InvalidValue) -> [String] {
        var used: Set<String> = []
        let rules = try rules(direction, transport) { (rule, family) throws(InvalidValue) in
            let decision = decision(rule, transport)
            let counter = NFTCounters.name(direction, decision.verdict, decision.reason, transport)
            used.insert(counter)
            let action = try action(decision.verdict, direction, transport, family)
            return "\(action.match)counter name \(counter) \(action.statement)"
        }
        counters.formUnion(used)
        if isTransparent && transport == .tcp { transparent.formUnion(rules.captured) }
        return rules.lines
    }

    func rules(
        _ direction: Direction, _ transport: Transport, statement: RuleLines.Statement
    ) throws(InvalidValue) -> RuleLines {
        let port = transport == .udp ? udpPort(direction) : nil
        let ipv4 = try FactMatches(policy, direction, transport, .ipv4, port: port, proxyCgroup: options.proxyCgroup)
        let ipv6 = try FactMatches(policy, direction, transport, .ipv6, port: port, proxyCgroup: options.proxyCgroup)
        return try RuleLines(policy, ipv4, ipv6, statement: statement)
    }

    private func decision(_ rule: Rule, _ transport: Transport) -> (verdict: Verdict, reason: Reason) {
        guard transport == .tcp, rule.verdict != .direct else { return (rule.verdict, rule.reason) }
        return switch options.withoutProxy {
        case nil: (rule.verdict, rule.reason)
        case .direct: (.direct, .proxyDownDirect)
        case .fallback: (.fallback, .proxyDownFallback)
        }
    }
}
