import Yams

/// Kuma's transparent proxy configuration, as its annotation `traffic.kuma.io/transparent-proxy-config` holds it:
/// YAML with the keys of kumahq/kuma pkg/transparentproxy/config. Keys that do not bear on decisions are ignored.
enum KumaConfiguration {
    /// - Returns: the settings that it names.
    /// - Throws: a sentence with all that is wrong, each with its key.
    static func apply(_ text: String, to specification: inout PolicySpecification) throws(InvalidValue) -> [Setting] {
        let problems = ProblemList()
        var reader = Reader(specification: specification)
        do {
            if let node = try BoundedYAML.compose(text, .annotation) {
                reader.read(YAMLValue(node: node, path: "", problems: problems))
            }
        } catch {
            throw InvalidValue(error.sentence)
        }
        guard problems.problems.isEmpty else {
            throw InvalidValue(problems.problems.map(\.description).joined(separator: ", and "))
        }
        specification = reader.specification
        return reader.settings
    }

    private struct Reader {
        var specification: PolicySpecification
        var settings: [Setting] = []

        mutating func read(_ root: YAMLValue) {
            guard var map = YAMLMapping(root, "the configuration") else { return }
            if let id = map.take("kumaDPUser")?.id("a uid") {
                specification.proxyUIDs = [id]
                settings.append(.proxyUIDs)
            }
            if let mode = map.take("ipFamilyMode")?.word(of: ["dualstack", "ipv4", "ipv6"]) {
                specification.ipv6 = mode != "ipv4"
                settings.append(.ipv6)
            }
            guard let value = map.take("redirect"), var redirect = YAMLMapping(value, "the redirection") else { return }
            if let value = redirect.take("inbound") { readInbound(value) }
            if let value = redirect.take("outbound") { readOutbound(value) }
            if let value = redirect.take("dns") { readDNS(value) }
            guard let value = redirect.take("vnet"), var vnet = YAMLMapping(value, "the virtual networks"),
                let networks = vnet.take("networks")?.list("networks", { $0.parsed("interface:range", Self.network) })
            else { return }
            specification.virtualInterfaces = networks
            settings.append(.virtualInterfaces)
        }

        private mutating func readInbound(_ value: YAMLValue) {
            guard var map = YAMLMapping(value, "inbound traffic") else { return }
            set(.inboundEnabled, map.take("enabled")?.bool()) { $0.inboundEnabled = $1 }
            set(.inboundPort, map.take("port")?.port()) { $0.inboundPort = $1 }
            set(.inboundIncludePorts, map.take("includePorts").flatMap(Self.ports)) {
                $0.inboundIncludePorts = $1.isEmpty ? .all : .listed($1)
            }
            set(.inboundExcludePorts, map.take("excludePorts").flatMap(Self.ports)) { $0.inboundExcludePorts = $1 }
            set(.inboundExcludeSources, map.take("excludePortsForIPs").flatMap(Self.ranges)) {
                $0.inboundExcludeSources = $1
            }
        }

        private mutating func readOutbound(_ value: YAMLValue) {
            guard var map = YAMLMapping(value, "outbound traffic") else { return }
            set(.outboundEnabled, map.take("enabled")?.bool()) { $0.outboundEnabled = $1 }
            set(.outboundPort, map.take("port")?.port()) { $0.outboundPort = $1 }
            set(.outboundIncludePorts, map.take("includePorts").flatMap(Self.ports)) { $0.outboundIncludePorts = $1 }
            set(.outboundExcludePorts, map.take("excludePorts").flatMap(Self.ports)) { $0.outboundExcludePorts = $1 }
            set(.outboundExcludeRanges, map.take("excludePortsForIPs").flatMap(Self.ranges)) {
                $0.outboundExcludeRanges = $1
            }
            let users = map.take("excludePortsForUIDs")?.list("entries") {
                $0.parsed("protocols:ports:uids", UserPorts.init(parsing:))
            }
            set(.outboundExcludePortsForUIDs, users) { $0.outboundExcludePortsForUIDs = $1 }
        }

        private mutating func readDNS(_ value: YAMLValue) {
            guard var map = YAMLMapping(value, "DNS") else { return }
            set(.dnsPort, map.take("port")?.port()) { $0.dnsPort = $1 }
            let enabled = map.take("enabled")
            if let all = map.take("captureAll"), all.bool() == false, enabled?.text == "true" {
                all.complain(
                    "Weir cannot read the workload's resolv.conf; capture all DNS, or use dns: with the servers")
            }
            set(.dns, enabled?.bool()) { $0.dns = $1 ? .all : .off }
        }

        private mutating func set<Value>(
            _ setting: Setting, _ value: Value?, _ change: (inout PolicySpecification, Value) -> Void
        ) {
            guard let value else { return }
            change(&specification, value)
            settings.append(setting)
        }

        /// A list, or a text with commas.
        private static func ports(_ value: YAMLValue) -> [PortRange]? {
            let syntax = PortSyntax(ranges: false, trimsItems: true, skipsEmpty: true, lowest: 1)
            if value.isList {
                return value.list("ports") { item in item.port().map { PortRange($0) } }
            }
            return value.parsed("ports") { text throws(InvalidValue) in
                var ignored: [String] = []
                return try syntax.read(text, takesAll: false, ignored: &ignored).list
            }
        }

        private static func ranges(_ value: YAMLValue) -> [CIDR]? {
            value.list("addresses") { $0.parsed("an address or range", CIDR.init(masking:)) }
        }

        private static func network(_ text: String) throws(InvalidValue) -> VirtualInterface {
            guard let colon = text.firstIndex(of: ":") else {
                throw InvalidValue("\"\(text)\" is not interface:range; write one like docker0:172.17.0.0/16")
            }
            let range = try CIDR(masking: String(text[text.index(after: colon)...]))
            return VirtualInterface(name: try InterfaceList.check(String(text[..<colon])), network: range)
        }
    }
}
