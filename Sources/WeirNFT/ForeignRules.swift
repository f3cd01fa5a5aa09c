import Glibc
public import WeirCore

/// Rules of others in the network namespace of the calling thread.
public struct ForeignRules: Sendable {
    /// Those of iptables, and of a mesh's own tables of nftables, that intercept, each with the program that lists them.
    public private(set) var intercepting: [(program: String, rules: IPTables)] = []
    /// Tables of nftables that are neither Weir's, a mesh's nor iptables'.
    public private(set) var tables: [String] = []
    /// What could not be read, and why.
    public private(set) var unreadable: [String] = []

    /// Tables that iptables-nft keeps its rules in.
    private static let standard = ["nat", "mangle", "filter", "raw", "security"]

    /// Chains of the old backend of iptables in the network namespace of the calling thread, which tells only its own tool
    /// of them.
    public static func legacyChains() throws(NFTError) -> [String] {
        var chains: [String] = []
        for family in ["", "6"] {
            let tables = lines(of: "/proc/thread-self/net/ip\(family)_tables_names")
            guard tables.contains("nat") || tables.contains("mangle"),
                let path = Tool.find("ip\(family)tables-legacy-save")
            else { continue }
            // ":CHAIN POLICY [packets:bytes]"
            chains += try Tool.run([path], input: "").output.split(separator: "\n").compactMap { line in
                line.first == ":" ? line.dropFirst().split(separator: " ").first.map(String.init) : nil
            }
        }
        return chains
    }

    /// Reads them; nothing is changed, and no table comes into being by being looked at.
    public init(own: String = "weir") throws(NFTError) {
        for (prefix, isIPv6) in [("ip", false), ("ip6", true)] {
            try readLegacy("\(prefix)tables-legacy-save", isIPv6)
        }
        try readNFT(own)
    }

    /// The kernel names the tables that exist; asking iptables for others would make them.
    private mutating func readLegacy(_ program: String, _ isIPv6: Bool) throws(NFTError) {
        let names = Self.lines(of: "/proc/thread-self/net/\(isIPv6 ? "ip6" : "ip")_tables_names")
        var text = ""
        for name in ["mangle", "nat"] where names.contains(name) {
            text += try save(program, ["-t", name])
        }
        add(program, IPTables(save: text, isIPv6: isIPv6))
    }

    private mutating func readNFT(_ own: String) throws(NFTError) {
        guard let nft = Tool.find("nft") else { return }
        let listed = try Tool.run([nft, "list", "tables"], input: "").output.split(separator: "\n").map { line in
            line.split(separator: " ").dropFirst().map(String.init)
        }
        var ofMesh = ""
        for table in listed where table.count == 2 && table != ["inet", own] {
            if table[0] == MeshTables.family && MeshTables.names.contains(table[1]) {
                ofMesh += try Tool.run([nft, "-s", "list", "table"] + table, input: "").output
                continue
            }
            if ["ip", "ip6"].contains(table[0]) && Self.standard.contains(table[1]) { continue }
            tables.append(table.joined(separator: " "))
        }
        for (program, isIPv6) in [("nft, IPv4", false), ("nft, IPv6", true)] {
            add(program, IPTables(nftables: ofMesh, isIPv6: isIPv6))
        }
        for (prefix, isIPv6) in [("ip", false), ("ip6", true)]
        where listed.contains([prefix, "nat"]) || listed.contains([prefix, "mangle"]) {
            let program = "\(prefix)tables-nft-save"
            add(program, IPTables(save: try save(program, []), isIPv6: isIPv6))
        }
    }

    private mutating func save(_ program: String, _ arguments: [String]) throws(NFTError) -> String {
        guard let path = Tool.find(program) else {
            unreadable.append("\(program) is not installed; install the package iptables")
            return ""
        }
        let result = try Tool.run([path] + arguments, input: "")
        if result.status != 0 { unreadable.append("\(program) says: \(NFTError.summary(result.errors))") }
        return result.output
    }

    private mutating func add(_ program: String, _ rules: IPTables) {
        if rules.isIntercepting { intercepting.append((program, rules)) }
    }

    private static func lines(of path: String) -> [String] {
        guard let file = fopen(path, "re") else { return [] }
        defer { fclose(file) }
        var buffer = [CChar](repeating: 0, count: 256)
        var lines: [String] = []
        while fgets(&buffer, Int32(buffer.count), file) != nil {
            let line = buffer.prefix { $0 != 0 && $0 != 10 }
            lines.append(String(decoding: line.map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }
        return lines
    }
}
