/// Tables of iptables in the network namespace of the calling thread, as its own tools print and read them. Each table
/// is replaced at once (iptables-restore(8)).
public struct SavedTables: Codable, Hashable, Sendable {
    struct Table: Codable, Hashable, Sendable {
        /// "iptables-nft": the family and the backend.
        let program: String
        /// From the line with the table's name to COMMIT.
        let lines: [String]
    }

    let tables: [Table]

    public var isEmpty: Bool { tables.isEmpty }

    init(tables: [Table]) {
        self.tables = tables
    }

    /// Reads the tables that have chains whose names begin so.
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
        return SavedTables(tables: found)
    }

    /// The same tables without those chains and without the rules that jump to them.
    public func without(chains prefixes: [String]) -> SavedTables {
        SavedTables(
            tables: tables.map { table in
                Table(
                    program: table.program,
                    lines: table.lines.filter { line in
                        if let chain = Self.chain(declaredIn: line) { return !Self.begins(chain, with: prefixes) }
                        return !Self.chains(ruledBy: line).contains { Self.begins($0, with: prefixes) }
                    })
            })
    }

    /// Puts the tables in force in place of those of the same names.
    public func restore() throws(NFTError) {
        for table in tables {
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
