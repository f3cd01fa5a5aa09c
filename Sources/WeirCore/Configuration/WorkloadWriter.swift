/// Writes one workload of the effective configuration.
struct WorkloadWriter {
    private let workload: Workload
    /// Where the value at a path below the workload came from.
    private let origin: (String) -> String
    private var policy: PolicySpecification { workload.policy }

    init(_ workload: Workload, origin: @escaping (String) -> String) {
        self.workload = workload
        self.origin = origin
    }

    func write(to writer: inout YAMLWriter) {
        let selector = workload.selector
        writer.value("name", workload.name, origin: origin("name"))
        writer.mapping("selector") {
            $0.value(selector.key, selector.value, origin: origin("selector.\(selector.key)"))
        }
        if let mesh = workload.mesh {
            writer.value("mesh", mesh, origin: origin("mesh"))
            writer.comments { writeProxy(to: &$0) }
        } else {
            writeProxy(to: &writer)
        }
        if workload.annotations.isEmpty {
            writeLists(to: &writer)
        } else {
            writer.mapping("annotations") { writer in
                for (name, text) in workload.annotations.sorted(by: { $0.key < $1.key }) {
                    writer.text(name, text, origin: origin("annotations.\(name)"))
                }
            }
            writer.comments { writeLists(to: &$0) }
        }
        writer.value("ipv6", policy.ipv6, origin: source(.ipv6, "ipv6"))
        writeDNS(to: &writer)
        writer.value("whenProxyDown", workload.whenProxyDown.word, origin: origin("whenProxyDown"))
        writer.value(
            "originFrom", policy.originFromSocketName ? "getsockname" : "getsockopt", origin: origin("originFrom"))
        writer.value("followPassed", workload.followPassed, origin: origin("followPassed"))
        let reads = workload.applicationReads
        let keys = [
            ("acceleration", workload.acceleration?.rawValue, AccelerationSettings.scopeKey),
            ("accelerationBudget", workload.accelerationBudget.map { "\($0)" }, AccelerationSettings.budgetKey),
            ("applicationReads", reads == .unknown ? nil : reads.rawValue, AccelerationSettings.applicationReadsKey),
        ]
        for (key, text, annotation) in keys where workload.annotations[annotation] == nil {
            if let text { writer.value(key, text, origin: origin(key)) }
        }
        if let mechanism = workload.mechanism {
            writer.value("mechanism", mechanism.rawValue, origin: origin("mechanism"))
        }
    }

    /// The line of the key; else the annotation or profile.
    private func source(_ setting: Setting, _ path: String) -> String {
        let place = origin(path)
        if place != "default" { return place }
        return policy.origins[setting] ?? workload.mesh.map { "profile \($0)" } ?? place
    }

    private func writeProxy(to writer: inout YAMLWriter) {
        writer.mapping("proxy") { writer in
            let ports: [(String, UInt16?, Address?, Setting)] = [
                ("outbound", policy.outboundPort, policy.proxyAddress4, .outboundPort),
                ("inbound", policy.inboundPort, nil, .inboundPort),
                ("dns", policy.dnsPort, policy.dnsAddress4, .dnsPort), ("tunnel", policy.tunnelPort, nil, .tunnelPort),
            ]
            for (key, port, address, setting) in ports {
                guard let port else { continue }
                let address = address == .loopback4 ? nil : address
                let text = address.map { Endpoint(address: $0, port: port).description } ?? "\(port)"
                writer.value(key, text, origin: source(setting, "proxy.\(key)"))
            }
            let ids = [("uid", policy.proxyUIDs, Setting.proxyUIDs), ("gid", policy.proxyGIDs, .proxyGIDs)]
            for (key, numbers, setting) in ids where !numbers.isEmpty {
                let place = origin("proxy.\(key)")
                writer.list(
                    "\(key)s", numbers.map { "\($0)" },
                    origin: place == "default" ? source(setting, "proxy.\(key)s") : place)
            }
            if workload.mesh == nil {
                writer.value("reads", workload.proxyReads.rawValue, origin: origin("proxy.reads"))
            }
            if let path = workload.proxyCgroup {
                writer.value("cgroup", path, origin: source(.proxyCgroup, "proxy.cgroup"))
            }
        }
    }

    private func writeLists(to writer: inout YAMLWriter) {
        writer.mapping("outbound") { writer in
            ports("includePorts", .outboundIncludePorts, .listed(policy.outboundIncludePorts), "outbound", &writer)
            ports("excludePorts", .outboundExcludePorts, .listed(policy.outboundExcludePorts), "outbound", &writer)
            ranges("includeRanges", .outboundIncludeRanges, policy.outboundIncludeRanges, "outbound", &writer)
            ranges("excludeRanges", .outboundExcludeRanges, .listed(policy.outboundExcludeRanges), "outbound", &writer)
        }
        writer.mapping("inbound") { writer in
            ports("includePorts", .inboundIncludePorts, policy.inboundIncludePorts, "inbound", &writer)
            ports("excludePorts", .inboundExcludePorts, .listed(policy.inboundExcludePorts), "inbound", &writer)
            ranges("excludeSources", .inboundExcludeSources, .listed(policy.inboundExcludeSources), "inbound", &writer)
        }
    }

    private func ports(
        _ key: String, _ setting: Setting, _ ports: Selection<PortRange>, _ direction: String,
        _ writer: inout YAMLWriter
    ) {
        // An empty list of included outbound ports is no list.
        if setting == .outboundIncludePorts && ports.list.isEmpty { return }
        selection(key, setting, ports, direction, &writer)
    }

    private func ranges(
        _ key: String, _ setting: Setting, _ ranges: Selection<CIDR>, _ direction: String, _ writer: inout YAMLWriter
    ) {
        selection(key, setting, ranges, direction, &writer)
    }

    private func selection<Element: CustomStringConvertible>(
        _ key: String, _ setting: Setting, _ selection: Selection<Element>, _ direction: String,
        _ writer: inout YAMLWriter
    ) {
        guard policy.dialect.knows(setting) else { return }
        let place = source(setting, "\(direction).\(key)")
        switch selection {
        case .all: writer.value(key, "*", origin: place)
        case .listed(let elements): writer.list(key, elements.map(\.description), origin: place)
        }
    }

    private func writeDNS(to writer: inout YAMLWriter) {
        guard policy.dialect.knows(.dns) else { return }
        let place = source(.dns, "dns")
        switch policy.dns {
        case .off: writer.value("dns", "off", origin: place)
        case .all: writer.value("dns", "all", origin: place)
        case .servers(let servers): writer.list("dns", servers.map(\.description), origin: place)
        }
    }
}
