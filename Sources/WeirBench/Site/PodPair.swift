import WeirCore

/// Two namespaces with a cable between them: the client's pod, and the server's, which is the client's whole outside.
///
///     client  10.78.<n>.10/24, fd00:78:<n>::10/64 ---- server  10.78.<n>.20/24, fd00:78:<n>::20/64
struct PodPair {
    let client: String
    let server: String
    let number: Int

    var clientPath: String { "\(Names.namespaces)/\(client)" }
    var serverPath: String { "\(Names.namespaces)/\(server)" }

    init(_ word: String, number: Int) throws {
        self.number = number
        client = "\(Names.own)-\(word)-c"
        server = "\(Names.own)-\(word)-s"
        for name in [client, server] { try Self.ip(["netns", "add", name]) }
        try Self.ip(["link", "add", "eth0", "netns", client, "type", "veth", "peer", "name", "eth0", "netns", server])
        for (name, own, other) in [(client, 10, 20), (server, 20, 10)] {
            // ::6 is the source of Istio's inbound connections to the application, as 127.0.0.6 is.
            let commands = """
                link set lo up
                addr add ::6/128 dev lo
                addr add 10.78.\(number).\(own)/24 dev eth0
                addr add fd00:78:\(number)::\(own)/64 dev eth0 nodad
                link set eth0 up
                route add default via 10.78.\(number).\(other)

                """
            try Self.ip(["-n", name, "-batch", "-"], input: commands)
            try Self.ip(["-6", "-n", name, "route", "add", "default", "via", "fd00:78:\(number)::\(other)"])
        }
    }

    func clientAddress(_ family: Family) -> Address { address(family, 10) }
    func serverAddress(_ family: Family) -> Address { address(family, 20) }

    private func address(_ family: Family, _ host: Int) -> Address {
        family == .ipv4
            ? Address(ipv4: 0x0a4e_0000 | UInt32(number) << 8 | UInt32(host))
            : Address(high: 0xfd00_0078_0000_0000 | Self.group(number) << 16, low: Self.group(host))
    }

    /// A number as it is written, read as hexadecimal: fd00:78:12:: has the group 0x12.
    private static func group(_ number: Int) -> UInt64 { UInt64("\(number)", radix: 16) ?? 0 }

    private static func ip(_ arguments: [String], input: String = "") throws {
        try System.run(["ip"] + arguments, input: input, package: "iproute2")
    }
}
