internal import CWeirABI

/// Reads the keys of a workload that make up its policy.
struct PolicyReader {
    /// Bytes of a name with its terminating zero.
    static let nameLimit = Int(WEIR_NAME_SIZE)

    /// Nil for a proxy that is described by numbers.
    let profile: Profile?
    private(set) var annotations: [String: String] = [:]
    private(set) var proxyCgroup: String?
    let proxyReads: ReadHabit
    private var policy: PolicySpecification
    private var isSound = true

    init(profile: Profile) {
        self.profile = profile
        policy = profile.defaults
        proxyReads = profile.proxyReads
    }

    /// - Parameter isNamespace: whether the workload is a network namespace, in which the proxy runs too.
    init?(proxy value: YAMLValue, isNamespace: Bool) {
        guard let proxy = ProxyReader(value, isNamespace: isNamespace) else { return nil }
        profile = nil
        policy = proxy.policy
        proxyCgroup = proxy.cgroup
        proxyReads = proxy.reads
    }

    /// - Parameter quietly: only learn which keys there are, because there is no policy to read them into.
    mutating func read(_ map: inout YAMLMapping, quietly: Bool) {
        let values = ["annotations", "outbound", "inbound", "ipv6", "dns"].map { map.take($0) }
        guard !quietly else { return }
        if let value = values[0] { readAnnotations(value, hasKeys: values[1] != nil || values[2] != nil) }
        if let value = values[1] { readOutbound(value) }
        if let value = values[2] { readInbound(value) }
        if let value = values[3] { set(.ipv6, "ipv6", value, value.bool()) { $0.ipv6 = $1 } }
        if let value = values[4] { set(.dns, "dns", value, Self.dns(value)) { $0.dns = $1 } }
    }

    /// The policy, checked as a whole.
    mutating func finish(_ workload: YAMLValue) -> (PolicySpecification, CompiledPolicy)? {
        guard isSound else { return nil }
        profile?.exemptPorts(annotations, in: &policy)
        if policy.ipv6 && (policy.proxyAddress4 != .loopback4 || policy.dnsAddress4 != nil) {
            workload.complain("has a proxy at an IPv4 address, which IPv6 traffic cannot reach; add ipv6: false")
            return nil
        }
        do {
            return (policy, try PolicyCompiler.compile(policy))
        } catch {
            workload.complain(error.sentence)
            return nil
        }
    }

    private mutating func readAnnotations(_ value: YAMLValue, hasKeys: Bool) {
        guard let profile else {
            return reject(value, "annotations belong to a mesh; add mesh: NAME, or use outbound and inbound")
        }
        guard !hasKeys else {
            return reject(value, "annotations and outbound or inbound say the same things; leave one of the two")
        }
        guard var map = YAMLMapping(value, "annotations") else {
            isSound = false
            return
        }
        let values = map.takeAll()
        for (key, value) in values {
            guard let text = value.text else {
                reject(value, "should be a text, but is \(value.kind); put it in quotes")
                continue
            }
            annotations[key] = text
        }
        var ignored: [AnnotationError.Problem] = []
        for problem in profile.apply(annotations, to: &policy, ignored: &ignored) + ignored {
            let place = values.first { $0.key == problem.annotation }?.value ?? value
            reject(place, problem.sentence)
        }
    }

    private mutating func reject(_ value: YAMLValue, _ sentence: String) {
        value.complain(sentence)
        isSound = false
    }

    private mutating func readOutbound(_ value: YAMLValue) {
        guard var map = YAMLMapping(value, "outbound traffic") else {
            isSound = false
            return
        }
        if let value = map.take("includePorts") {
            set(.outboundIncludePorts, "outbound.includePorts", value, Self.ports(value)) { policy, ports in
                policy.outboundIncludePorts = ports
                // Without a mesh's habits, a list of ports means these and no others.
                guard policy.dialect == .custom else { return }
                policy.outboundIncludeRanges = .listed([])
                policy.origins[.outboundIncludeRanges] = "outbound.includePorts"
            }
        }
        if let value = map.take("excludePorts") {
            set(.outboundExcludePorts, "outbound.excludePorts", value, Self.ports(value)) {
                $0.outboundExcludePorts = $1
            }
        }
        if let value = map.take("includeRanges") {
            let ranges = value.text == "*" ? .all : Self.ranges(value).map { Selection.listed($0) }
            set(.outboundIncludeRanges, "outbound.includeRanges", value, ranges) { $0.outboundIncludeRanges = $1 }
        }
        if let value = map.take("excludeRanges") {
            set(.outboundExcludeRanges, "outbound.excludeRanges", value, Self.ranges(value)) {
                $0.outboundExcludeRanges = $1
            }
        }
        map.finish()
    }

    private mutating func readInbound(_ value: YAMLValue) {
        guard var map = YAMLMapping(value, "inbound traffic") else {
            isSound = false
            return
        }
        if let value = map.take("includePorts") {
            let ports = value.text == "*" ? .all : Self.ports(value).map { Selection.listed($0) }
            set(.inboundIncludePorts, "inbound.includePorts", value, ports) { $0.inboundIncludePorts = $1 }
        }
        if let value = map.take("excludePorts") {
            set(.inboundExcludePorts, "inbound.excludePorts", value, Self.ports(value)) { $0.inboundExcludePorts = $1 }
        }
        if let value = map.take("excludeSources") {
            set(.inboundExcludeSources, "inbound.excludeSources", value, Self.ranges(value)) {
                $0.inboundExcludeSources = $1
            }
        }
        for key in ["includeRanges", "excludeRanges"] {
            guard let value = map.take(key) else { continue }
            reject(
                value, "inbound connections are not told apart by destination; use excludeSources for clients, or ports"
            )
        }
        map.finish()
    }

    /// Sets what was read, unless the mesh has no such thing.
    private mutating func set<Value>(
        _ setting: Setting, _ key: String, _ place: YAMLValue, _ value: Value?,
        _ change: (inout PolicySpecification, Value) -> Void
    ) {
        guard let value else {
            isSound = false
            return
        }
        if let profile, setting != .ipv6, !profile.defaults.dialect.knows(setting) {
            return reject(
                place, "the \(profile.name) mesh has no such setting; leave it out, or describe the proxy with proxy:")
        }
        change(&policy, value)
        policy.origins[setting] = key
    }

    static func ports(_ value: YAMLValue) -> [PortRange]? {
        value.list("ports and ranges") { $0.parsed("a port or range", PortRange.init(parsing:)) }
    }

    static func ranges(_ value: YAMLValue) -> [CIDR]? {
        value.list("addresses and ranges") { $0.parsed("an address or range", CIDR.init(parsing:)) }
    }

    private static func dns(_ value: YAMLValue) -> DNSCapture? {
        if value.isList {
            return value.list("servers") { $0.parsed("a server's address", Address.init(parsing:)) }.map {
                .servers($0)
            }
        }
        guard let text = value.text, ["off", "all"].contains(text) else {
            value.complain("should be off, all or a list of servers, but is \(value.kind)")
            return nil
        }
        return text == "all" ? .all : .off
    }
}

extension Dialect {
    /// Whether some rule of the dialect comes from a setting.
    func knows(_ setting: Setting) -> Bool {
        (outbound + inbound).contains { $0.setting == setting }
    }
}
