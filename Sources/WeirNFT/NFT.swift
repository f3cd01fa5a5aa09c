/// Runs nft and ip in the network namespace of the calling thread: enter the workload's first.
public struct NFT: Sendable {
    private let nft: String
    private let ip: String?

    /// - Throws: a sentence, when nft is not installed, or not root's alone.
    public init(folders: [String]? = nil) throws(NFTError) {
        let folders = folders ?? Tool.folders
        guard let nft = Tool.find("nft", folders) else {
            if let path = Tool.doubtful("nft", folders) {
                throw NFTError(
                    "\(path) is not run, because others than root may change it or its folder; give both to root, and take "
                        + "the right to write from all others")
            }
            throw NFTError("nft is not installed in \(folders.joined(separator: ", ")); install the package nftables")
        }
        self.nft = nft
        ip = Tool.find("ip", folders)
    }

    /// - Throws: a sentence, when there is no tool for what a ruleset needs beside the rules.
    public func requireTools(for ruleset: Ruleset) throws(NFTError) {
        if ruleset.routing != nil && ip == nil { throw Self.withoutIP }
    }

    private static let withoutIP = NFTError(
        "TPROXY mode needs ip, which is not installed; install the package iproute2")

    /// Puts a ruleset in force, in place of the one before. Done again, it changes nothing. Routing that an earlier
    /// ruleset needed and this one does not stays until `remove`: without the rules nothing carries its mark.
    /// - Parameter anew: whether sets that are there may hold something else than they should, and are made again.
    public func apply(_ ruleset: Ruleset, anew: Bool = false) throws(NFTError) {
        // Before the rules whose packets need it.
        for arguments in ruleset.routing?.additions ?? [] {
            try route(arguments, unless: "File exists", "not supported")
        }
        let present = try sets(of: ruleset.table)
        let staged = StagedScript(ruleset, avoiding: anew ? present : [])
        let missing = staged.sets.filter { !present.contains($0.key) }.map { "add \($0.value)\n" }
        if !missing.isEmpty { try load("add table inet \(ruleset.table)\n" + missing.joined()) }
        try load(staged.rules)
        // No rule asks these any more.
        let stale = present.subtracting(staged.sets.keys).sorted()
        if !stale.isEmpty { try load(stale.map { "delete set inet \(ruleset.table) \($0)\n" }.joined()) }
    }

    /// The names of a table's sets; none, when there is no such table.
    private func sets(of table: String) throws(NFTError) -> Set<String> {
        let listing = try Tool.run([nft, "-t", "list", "sets", "inet"], input: "").output
        var names: Set<String> = []
        var isOwn = false
        for line in listing.split(separator: "\n") {
            let words = line.split(whereSeparator: \.isWhitespace)
            if words.first == "table" { isOwn = words.dropFirst(2).first == table[...] }
            if isOwn, words.first == "set", words.count > 1 { names.insert(String(words[1])) }
        }
        return names
    }

    /// Runs a script, all of it or nothing.
    public func load(_ script: String) throws(NFTError) {
        try run(["-f", "-"], script, "load the ruleset")
    }

    /// Finds out whether nft and the kernel take a script, and changes nothing.
    public func check(_ script: String) throws(NFTError) {
        try run(["-c", "-f", "-"], script, "use the ruleset")
    }

    /// Removes every trace of Weir's table and routing, also where there is none. Redirected connections are cut.
    public func remove(table: String = "weir") throws {
        try load(try Ruleset.removal(table: table))
        // Without ip there never was any routing.
        for arguments in ip == nil ? [] : PolicyRouting.removals {
            try route(arguments, unless: "No such file", "does not exist", "not supported", "No such process")
        }
    }

    /// A table's chains, rules and sets, without counts. Empty: there is no such table.
    public func listing(table: String = "weir") throws(NFTError) -> String {
        try Tool.run([nft, "-s", "list", "table", "inet", table], input: "").output
    }

    /// How many rules the table's chains have; 0 without a table.
    public func ruleCount(table: String = "weir") throws(NFTError) -> Int {
        var isInChain = false
        return try listing(table: table).split(separator: "\n").count { line in
            // A chain's head has one tab before it, what it contains two, "type" says where it hangs; what a rule jumps
            // to stands between braces, with more.
            if !line.hasPrefix("\t\t") { isInChain = line.hasPrefix("\tchain ") }
            return isInChain && line.hasPrefix("\t\t")
                && !["\t\t\t", "\t\t}", "\t\ttype "].contains { line.hasPrefix($0) }
        }
    }

    /// Whether there is such a table.
    public func exists(table: String = "weir") throws(NFTError) -> Bool {
        try Tool.run([nft, "list", "chains", "inet"], input: "").output.contains("table inet \(table) {")
    }

    /// Whether there is a table that was made for this owner.
    public func owns(_ owner: String, table: String = "weir") throws(NFTError) -> Bool {
        let listing = try Tool.run([nft, "list", "chains", "inet"], input: "").output
        var isOwn = false
        for line in listing.split(separator: "\n") {
            let words = line.split(whereSeparator: \.isWhitespace)
            if words.first == "table" { isOwn = words.dropFirst(2).first == table[...] }
            if isOwn, words.first == "chain", words.dropFirst().first == Ruleset.marker(owner)[...] { return true }
        }
        return false
    }

    /// - Throws: a sentence, also when there is no such table.
    public func counters(table: String = "weir") throws -> NFTCounters {
        try NFTCounters(json: try run(["-j", "list", "counters", "table", "inet", table], "", "read the counters"))
    }

    @discardableResult
    private func run(_ arguments: [String], _ input: String, _ what: String) throws(NFTError) -> String {
        let result = try Tool.run([nft] + arguments, input: input)
        guard result.status == 0 else {
            throw NFTError("cannot \(what): nft says: \(NFTError.summary(result.errors))")
        }
        return result.output
    }

    private func route(_ arguments: [String], unless harmless: String...) throws(NFTError) {
        guard let ip else { throw Self.withoutIP }
        let result = try Tool.run([ip] + arguments, input: "")
        guard result.status != 0, !harmless.contains(where: result.errors.contains) else { return }
        let command = "ip \(arguments.joined(separator: " "))"
        throw NFTError("cannot set up routing: \"\(command)\" says: \(NFTError.summary(result.errors))")
    }
}

/// Why nftables could not be used, in one sentence.
public struct NFTError: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ sentence: String) { description = sentence }

    /// The first complaint, and the start of the line that it is about.
    static func summary(_ text: String) -> String {
        let lines = text.split(separator: "\n").map(String.init)
        guard let first = lines.first else { return "nothing, but it failed" }
        guard let found = lines.firstIndex(where: { $0.contains("Error: ") }) else { return first }
        let complaint = lines[found].split(separator: "Error: ", maxSplits: 1).last.map(String.init) ?? first
        guard found + 1 < lines.count else { return complaint }
        let line = lines[found + 1].split(separator: "\t").joined(separator: " ")
        return "\(complaint), at \"\(line.prefix(100))\(line.count > 100 ? "…" : "")\""
    }
}
