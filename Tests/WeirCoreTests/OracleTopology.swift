import WeirCore

/// The oracle's testbed (its README, "Topology"): what an attempt's interface, source and locality are there.
struct OracleTopology {
    let interfaces: [String]

    private struct Network {
        let own: [String]
        let far: [String]
        let ranges: [String]
    }

    private static let networks: [String: Network] = [
        "eth1": network("192.168.101", "fd00:101"),
        "eth2": network("192.168.102", "fd00:102"),
        "not-istio-nic": network("192.168.103", "fd00:103", behind: "9.9.200.0/24"),
        "net1": network("192.168.104", "fd00:104", behind: "10.77.0.0/24"),
        "iface": network("192.168.119", "fd00:119"),
        "docker0": network("172.17.0", "fd00:117", range: "172.17.0.0/16"),
        "br0": network("172.18.0", "fd00:118", range: "172.18.0.0/16"),
        "docker2": network("10.200.0", "fd00:120"),
    ]

    private static func network(_ four: String, _ six: String, range: String? = nil, behind: String? = nil) -> Network {
        Network(
            own: ["\(four).1", "\(six)::1"], far: ["\(four).2", "\(six)::2"],
            ranges: [range ?? "\(four).0/24", "\(six)::/64"] + (behind.map { [$0] } ?? []))
    }

    /// The addresses of the pod's namespace besides the loopback ones.
    var ownAddresses: Set<Address> {
        let fixed = ["10.244.1.10", "198.18.0.10", "fd00:10:244::10", "2001:db8:77::10", "fe80::10", "::6"]
        let others = interfaces.flatMap { Self.networks[$0]?.own ?? [] }
        return Set((fixed + others).compactMap { Address($0) })
    }

    /// - Parameter second: whether to take the record's second destination.
    func attempt(_ record: OracleFile.Record, second: Bool = false) throws -> Attempt {
        let text = second ? record.secondDestination ?? "" : record.destination
        let destination = try address(text)
        let isInbound = ["outside", "vif"].contains(record.from)
        let isLocal = ownAddresses.contains(destination) || destination.isLoopback || destination.isUnspecified
        var source = try record.source.map(address)
        if isInbound {
            source = try source ?? address(client(record, of: destination))
        } else if source == nil && destination == Address("::6") {
            source = destination
        }
        return Attempt(
            isInbound ? .inbound : .outbound, record.proto == "udp" ? .udp : .tcp, from: source, to: destination,
            port: second ? record.secondPort ?? 0 : record.port, isLocal: isLocal,
            uid: record.socketUID ?? record.uid ?? 0, gid: record.socketGID ?? record.gid ?? 0,
            mark: record.mark ?? 0,
            interface: isInbound ? record.iface ?? "eth0" : isLocal ? "lo" : try interface(to: destination))
    }

    private func address(_ text: String) throws -> Address {
        try Address(parsing: String(text.prefix { $0 != "%" }))
    }

    /// The address that the outside, or the far side of an interface, connects from.
    private func client(_ record: OracleFile.Record, of destination: Address) -> String {
        if let name = record.iface, let far = Self.networks[name]?.far { return far[destination.isIPv4 ? 0 : 1] }
        if destination.isIPv4 { return "10.244.1.1" }
        return destination.high >> 54 == 0xfe80 >> 6 ? "fe80::1" : "fd00:10:244::1"
    }

    private func interface(to destination: Address) throws -> String {
        for name in interfaces {
            for text in Self.networks[name]?.ranges ?? [] where try CIDR(parsing: text).contains(destination) {
                return name
            }
        }
        return "eth0"
    }
}
