import WeirCore

@testable import WeirNFT

/// The first packet of a connection, as the kernel shows it to a chain, and what the chains of a script do with it.
struct Packet {
    let transport: Transport
    let source: Address
    let destination: Address
    let port: UInt16
    let interface: String
    /// Nil: there is no socket file that could tell.
    let owner: (uid: UInt32, gid: UInt32)?
    let mark: UInt32
    let isOutbound: Bool
    var isByProxyCgroup = false
    var zone = 0

    /// What happened, in nft's words.
    struct Outcome: Equatable {
        /// The name of the counter; nil: nothing was counted.
        var counter: String?
        /// "accept", "redirect 15001", "mark 1338"
        var action = "accept"
    }

    private enum End { case verdict, next, back }

    /// Runs it through a base chain, whose policy is to accept.
    mutating func run(_ rules: [[Script.Word]]) throws -> Outcome {
        var outcome = Outcome()
        _ = try run(rules, &outcome)
        return outcome
    }

    private mutating func run(_ rules: [[Script.Word]], _ outcome: inout Outcome) throws -> End {
        for rule in rules {
            var words = rule[...]
            let end = try step(&words, &outcome)
            if end != .next { return end }
        }
        return .next
    }

    /// One rule: its expressions from left to right, until one does not fit.
    private mutating func step(_ words: inout ArraySlice<Script.Word>, _ outcome: inout Outcome) throws -> End {
        var mark: String?
        while let word = words.popFirst() {
            switch word {
            case .plain("accept"):
                if let mark { outcome.action = "mark \(mark)" }
                return .verdict
            case .plain("return"): return .back
            case .plain("redirect"):
                outcome.action = "redirect \(try plain(&words, skipping: "to").dropFirst())"
                return .verdict
            case .plain("dnat"):
                _ = words.popFirst()
                outcome.action = "dnat \(try plain(&words, skipping: "to"))"
                return .verdict
            case .plain("jump"):
                guard case .block(let rules)? = words.popFirst() else { throw Unknown(word) }
                if try run(rules, &outcome) == .verdict { return .verdict }
            case .plain("counter"): outcome.counter = try plain(&words, skipping: "name")
            case .plain("comment"): words.removeFirst()
            case .plain("ct"):
                guard try connection(&words, &mark) else { return .next }
            // Of the packets that open a connection none is without SYN.
            case .plain("tcp") where words.first == .plain("flags"): return .next
            default:
                guard try matches(word, &words) else { return .next }
            }
        }
        return .next
    }

    private mutating func connection(_ words: inout ArraySlice<Script.Word>, _ mark: inout String?) throws -> Bool {
        let key = try plain(&words)
        if words.first == .plain("set") {
            let value = try plain(&words, skipping: "set")
            if key == "zone" { zone = Int(value) ?? 0 } else { mark = value }
            return true
        }
        guard key == "zone" else { throw Unknown(.plain(key)) }
        return try plain(&words) == "\(zone)"
    }

    private func matches(_ word: Script.Word, _ words: inout ArraySlice<Script.Word>) throws -> Bool {
        guard case .plain(var key) = word else { throw Unknown(word) }
        let headers = ["meta", "ip", "ip6", "th", "udp", "tcp", "icmp", "icmpv6"]
        if headers.contains(key) { key += " " + (try plain(&words)) }
        if key.hasPrefix("icmp") { return false }
        while words.first == .plain(".") {
            words.removeFirst()
            key += try " . " + plain(&words) + " " + plain(&words)
        }
        if key == "socket" { return try cgroup(&words) }
        let isNegated = words.first == .plain("!=")
        if isNegated { words.removeFirst() }
        let values: [String] =
            switch words.popFirst() {
            case .plain(let value)?, .quoted(let value)?: [value]
            case .set(let values)?: values
            default: throw Unknown(word)
            }
        // What the packet does not have fits neither way.
        guard let own = try value(key) else { return false }
        return try values.contains { try own.fits($0) } != isNegated
    }

    private func cgroup(_ words: inout ArraySlice<Script.Word>) throws -> Bool {
        words = words.dropFirst(4)
        return isByProxyCgroup
    }

    private func value(_ key: String) throws -> Field? {
        switch key {
        case "meta l4proto": return .text("\(transport)")
        case "meta nfproto": return .text(destination.isIPv4 ? "ipv4" : "ipv6")
        case "meta mark": return .numbers([UInt64(mark)])
        case "meta skuid": return owner.map { .numbers([UInt64($0.uid)]) }
        case "meta skgid": return owner.map { .numbers([UInt64($0.gid)]) }
        case "meta skuid . th dport": return owner.map { .numbers([UInt64($0.uid), UInt64(port)]) }
        case "th dport": return .numbers([UInt64(port)])
        case "udp dport", "tcp dport": return "\(transport)" == key.prefix(3) ? .numbers([UInt64(port)]) : nil
        case "udp sport": return transport == .udp ? .numbers([40000]) : nil
        case "oif", "oifname": return isOutbound ? .text(interface) : nil
        case "iif", "iifname": return isOutbound ? nil : .text(interface)
        case "ip saddr": return source.isIPv4 ? .address(source) : nil
        case "ip daddr": return destination.isIPv4 ? .address(destination) : nil
        case "ip6 saddr": return source.isIPv4 ? nil : .address(source)
        case "ip6 daddr": return destination.isIPv4 ? nil : .address(destination)
        default: throw Unknown(.plain(key))
        }
    }

    private func plain(_ words: inout ArraySlice<Script.Word>, skipping word: String? = nil) throws -> String {
        if word != nil { words.removeFirst() }
        guard case .plain(let text)? = words.popFirst() else { throw Unknown(.plain(word ?? "end")) }
        return text
    }

    struct Unknown: Error {
        let word: Script.Word
        init(_ word: Script.Word) { self.word = word }
    }
}

/// What a packet has, to be compared with an element of a set.
enum Field {
    case text(String)
    case numbers([UInt64])
    case address(Address)

    func fits(_ element: String) throws -> Bool {
        switch self {
        case .text(let text):
            return element.hasSuffix("*") ? text.hasPrefix(element.dropLast()) : text == element
        case .numbers(let numbers):
            let parts = element.split(separator: " . ", omittingEmptySubsequences: false)
            return parts.count == numbers.count
                && zip(parts, numbers).allSatisfy { part, number in
                    let ends = part.split(separator: "-").compactMap { UInt64($0) }
                    return ends.count > 0 && ends[0] <= number && number <= ends[ends.count - 1]
                }
        case .address(let address):
            if element.contains("/") { return try CIDR(parsing: element).contains(address) }
            let ends = try element.split(separator: "-").map { try Address(parsing: String($0)) }
            return ends[0] <= address && address <= ends[ends.count - 1]
        }
    }
}
