import FoundationEssentials
public import WeirCore

/// What the rules of one table have decided: new connections of TCP, and of UDP flows of DNS.
public struct NFTCounters: Hashable, Sendable {
    public struct Row: Hashable, Sendable {
        public let direction: Direction
        public let verdict: Verdict
        public let reason: Reason
        public let transport: Transport
        public let connections: UInt64
    }

    /// Sorted by direction, verdict, reason and transport.
    public let rows: [Row]

    /// Reads what `nft -j list counters table inet NAME` prints. Counters that are not named as Weir's are left out.
    /// - Throws: a sentence, when it is not that.
    public init(json: String) throws(InvalidValue) {
        do {
            let listing = try JSONDecoder().decode(Listing.self, from: Data(json.utf8))
            rows = listing.nftables.compactMap(\.counter).compactMap(Row.init).sorted { $0.order < $1.order }
        } catch {
            throw InvalidValue("this is not nft's list of counters: \(error)")
        }
    }

    /// "outbound.direct.excluded_port.tcp"
    static func name(_ direction: Direction, _ verdict: Verdict, _ reason: Reason, _ transport: Transport) -> String {
        "\(direction.word).\(verdict.word).\(reason.word).\(transport)"
    }

    fileprivate struct Listing: Decodable {
        let nftables: [Item]

        struct Item: Decodable {
            let counter: Counter?
        }

        struct Counter: Decodable {
            let name: String
            let packets: UInt64
        }
    }
}

extension NFTCounters.Row {
    fileprivate init?(_ counter: NFTCounters.Listing.Counter) {
        let words = counter.name.split(separator: ".").map(String.init)
        guard words.count == 4, let direction = Direction(word: words[0]), let verdict = Verdict(word: words[1]),
            let reason = Reason(word: words[2]),
            let transport = Transport.allCases.first(where: { "\($0)" == words[3] })
        else { return nil }
        self.init(
            direction: direction, verdict: verdict, reason: reason, transport: transport, connections: counter.packets)
    }

    fileprivate var order: [UInt8] { [direction.rawValue, verdict.rawValue, reason.rawValue, transport.rawValue] }
}

extension [UInt8] {
    fileprivate static func < (left: [UInt8], right: [UInt8]) -> Bool { left.lexicographicallyPrecedes(right) }
}
