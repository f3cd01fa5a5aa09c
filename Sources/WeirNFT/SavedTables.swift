import WeirCore

/// Tables of iptables, and a mesh's own of nftables, in the network namespace of the calling thread, as their own tools
/// print and read them. Each table is replaced at once (iptables-restore(8), nft(8)).
public struct SavedTables: Codable, Hashable, Sendable {
    struct Table: Codable, Hashable, Sendable {
        /// "iptables-nft": the family and the backend; or "nft".
        let program: String
        /// From the line with the table's name to COMMIT; or a script that puts the table in place of the present one.
        let lines: [String]
    }

    let tables: [Table]

    public var isEmpty: Bool { tables.isEmpty }

    init(tables: [Table]) {
        self.tables = tables
    }

    /// Reads the tables that have chains whose names begin so, and a mesh's own tables.
    public static func read(havingChains prefixes: [String]) throws(NFTError) -> SavedTables {
        var found: [Table] = []
        for program in ["iptables-nft", "iptables-legacy", "ip6tables-nft", "ip6tables-legacy"] {
            guard let path = Tool.find("\(program)-save") else { continue }
            let result = try Tool.run([path], input: "")
            guard result.status == 0 else {
                throw NFTError("cannot read iptables rules: \(program)-save says: \(NFTError.summary(result.errors))")
            }
            found += tables(in: result.output, of: program).filter { table in
                table.lines.contains { chain(declaredIn: $0).map { begins($0, with: prefixes) } ?? false }
            }
        }
        return SavedTables(tables: try found + nftTables())
    }

    /// The same tables without those chains and without the rules that jump to them. Of a mesh's own tables the chains at
    /// the hooks stay, without rules.
    ///
    /// What is established is translated for as long as a chain of the type nat stands and some rule asks for connection
    /// tracking, which the kernel drops with the last: one that does nothing else takes the rules' place.
    public func without(chains prefixes: [String]) -> SavedTables {
        SavedTables(
            tables: tables.map { table in
                if table.program == Self.nft { return Table(program: Self.nft, lines: Self.emptied(table.lines)) }
                var lines = table.lines.filter { line in
                    if let chain = Self.chain(declaredIn: line) { return !Self.begins(chain, with: prefixes) }
                    return !Self.chains(ruledBy: line).contains { Self.begins($0, with: prefixes) }
                }
                if lines != table.lines, lines.first == "*nat", let end = lines.lastIndex(of: "COMMIT") {
                    lines.insert("-A OUTPUT -m conntrack --ctstate INVALID", at: end)
                }
                return Table(program: table.program, lines: lines)
            })
    }

    /// Puts the tables in force in place of those of the same names.
    public func restore() throws(NFTError) {
        for table in tables {
            if table.program == Self.nft {
                try NFT().load(table.lines.joined(separator: "\n") + "\n")
                continue
            }
            guard let path = Tool.find("\(table.program)-restore") else {
                throw NFTError("\(table.program)-restore is not installed; install the package iptables")
            }
            // Waits for others who hold the lock of iptables.
            let result = try Tool.run([path, "-w", "5"], input: table.lines.joined(separator: "\n") + "\n")
            guard result.status == 0 else {
                throw NFTError(
                    "cannot write iptables rules: \(table.program)-restore says: \(NFTError.summary(result.errors))")
            }
        }
    }

    private static let nft = "nft"

    private static func nftTables() throws(NFTError) -> [Table] {
        guard let path = Tool.find(nft) else { return [] }
        var found: [Table] = []
        for name in MeshTables.names {
            // It fails where there is no such table.
            let result = try Tool.run([path, "-s", "list", "table", MeshTables.family, name], input: "")
            if result.status == 0, let table = nftTable(name, listing: result.output) { found.append(table) }
        }
        return found
    }

    /// - Returns: nil for one that has only chains at hooks.
    static func nftTable(_ name: String, listing: String) -> Table? {
        let lines = listing.split(separator: "\n").map(String.init)
        guard lines.contains(where: { $0.hasPrefix("\tchain \(MeshTables.chainPrefix)") }) else { return nil }
        let table = "table \(MeshTables.family) \(name)"
        return Table(program: nft, lines: ["add \(table)", "delete \(table)"] + lines)
    }

    /// Keeps the table and its chains at hooks: "chain output {", "type nat hook output priority -100; …", "}".
    private static func emptied(_ lines: [String]) -> [String] {
        var kept: [String] = []
        for (line, next) in zip(lines, lines.dropFirst() + [""]) {
            let isHook = line.drop { $0 == "\t" }.hasPrefix("type ")
            let opensHook = line.hasPrefix("\tchain ") && next.drop { $0 == "\t" }.hasPrefix("type ")
            let closesHook = line == "\t}" && (kept.last?.hasPrefix("\t\t") ?? false)
            if line.first != "\t" || isHook || opensHook || closesHook { kept.append(line) }
            if isHook && line.contains("type nat hook output") { kept.append("\t\tct state invalid counter") }
        }
        return kept
    }

    static func tables(in text: String, of program: String) -> [Table] {
        var found: [Table] = []
        var lines: [String] = []
        for line in text.split(separator: "\n").map(String.init) where line.first != "#" {
            if line.first == "*" { lines = [] }
            lines.append(line)
            if line == "COMMIT" { found.append(Table(program: program, lines: lines)) }
        }
        return found
    }

    /// ":CHAIN POLICY [packets:bytes]"
    private static func chain(declaredIn line: String) -> String? {
        line.first == ":" ? line.dropFirst().split(separator: " ").first.map(String.init) : nil
    }

    /// "-A CHAIN … -j CHAIN": the one that has the rule, and the one that it goes to.
    private static func chains(ruledBy line: String) -> [String] {
        let words = line.split(separator: " ").map(String.init)
        return zip(words, words.dropFirst()).filter { ["-A", "-j", "-g"].contains($0.0) }.map(\.1)
    }

    private static func begins(_ chain: String, with prefixes: [String]) -> Bool {
        prefixes.contains { chain.hasPrefix($0) }
    }
}
