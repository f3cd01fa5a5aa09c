import Glibc
import Testing
import WeirCore

@testable import WeirNFT

import enum TestSupport.Growth
import struct TestSupport.Mutator

/// Long lists, and what tools print of namespaces whose root is somebody else.
@Suite(.serialized, .timeLimit(.minutes(20))) struct LimitTests {
    private static func interfaces(_ count: Int) -> [InterfaceFacts] {
        (0..<count).map { InterfaceFacts(name: "net\($0)", facts: .interfaceExcluded) }
    }

    @Test func `Ten times as many interfaces cost ten times as much`() throws {
        let growth = try Growth.tenfold("1000 interfaces") {
            _ = try InterfaceMatches(Self.interfaces(1000), .outbound, .ipv4).match(.interfaceExcluded)
        } _: {
            _ = try InterfaceMatches(Self.interfaces(10_000), .outbound, .ipv4).match(.interfaceExcluded)
        }
        #expect(growth < 40)
    }

    @Test func `Ten times as many user ports cost ten times as much`() {
        func entries(_ count: Int) -> [UserPorts] {
            (0..<count).map {
                UserPorts(transports: [.tcp], ports: [PortRange(UInt16($0))], users: UInt32($0)...UInt32($0))
            }
        }
        let growth = Growth.tenfold("1000 user ports") {
            _ = UserPortBoxes(entries(1000), .tcp)
        } _: {
            _ = UserPortBoxes(entries(10_000), .tcp)
        }
        #expect(growth < 40)
    }

    @Test func `Entries that say the same need no exceptions`() throws {
        let interfaces = ["br0", "br1", "br2+", "br+"].map { InterfaceFacts(name: $0, facts: .interfaceExcluded) }
        let matches = try InterfaceMatches(interfaces, .inbound, .ipv4)
        #expect(
            matches.match(.interfaceExcluded)
                == .any(["iifname { \"br0\", \"br1\" }", "iifname \"br2*\"", "iifname \"br*\""]))
        let mixed = try InterfaceMatches(
            ["br0", "br1", "br2+"].map { InterfaceFacts(name: $0, facts: .interfaceExcluded) }
                + [InterfaceFacts(name: "br+", facts: .interfaceVirtual)], .inbound, .ipv4)
        #expect(
            mixed.match(.interfaceVirtual)
                == .any(["iifname \"br*\" iifname != \"br2*\" iifname != { \"br0\", \"br1\" }"]))
    }

    @Test func `What a tool prints without end is not read`() throws {
        let shell = "/bin/sh"
        let error = #expect(throws: NFTError.self) {
            try Tool.run([shell, "-c", "head -c 40000000 /dev/zero"], input: "")
        }
        #expect(error?.description == "/bin/sh prints more than 16777216 bytes, which is more than is read")
        let large = try Tool.run([shell, "-c", "head -c 16000000 /dev/zero | tr '\\0' x"], input: "")
        #expect(large.status == 0 && large.output.utf8.count == 16_000_000)
    }

    /// The readers of what nft and iptables-save print.
    @Test func `Listings that are changed at random`() {
        let counters = """
            {"nftables": [{"metainfo": {"version": "1.0.6", "json_schema_version": 1}},
             {"counter": {"family": "inet", "name": "outbound.direct.excluded_port.tcp", "table": "weir", "handle": 3,
              "packets": 12, "bytes": 720}},
             {"counter": {"family": "inet", "name": "inbound.inbound.inbound.udp", "table": "weir", "handle": 4,
              "packets": 0, "bytes": 0}}]}
            """
        var read = 0
        Mutator.rounds { mutator in
            let text = mutator.mutate(tokens: counters)
            if let counted = try? NFTCounters(json: text) { read += counted.rows.count }
            let bytes = mutator.mutate(Array(mutator.mutate(tokens: SavedTablesTests.text).utf8))
            let tables = SavedTables(
                tables: SavedTables.tables(in: String(decoding: bytes, as: UTF8.self), of: "iptables-nft"))
            #expect(tables.without(chains: []) == tables)
            _ = tables.without(chains: ["ISTIO_", ""])
        }
        #expect(read > 0)
        let deep = String(repeating: "[", count: 200_000)
        #expect(throws: InvalidValue.self) { try NFTCounters(json: "{\"nftables\": \(deep)") }
    }
}
