extension IPTables {
    /// The rules of Istio's own tables of nftables, as far as they bear on one family. Their chains are laid out as those
    /// of its iptables rules are, so they decide in the same order (istio/istio tools/istio-nftables/pkg/capture).
    /// - Parameter listing: what `nft list table` prints, of all tables together.
    public init(nftables listing: String, isIPv6: Bool) {
        var tables: [String: [String: [IPTablesRule]]] = [:]
        var table: String?
        var chain: String?
        for line in listing.split(separator: "\n") {
            let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
            switch words.first {
            case "table":
                let name = words.count > 2 ? words[2] : ""
                table = MeshTables.deciding.first { $0.name == name }?.like
                chain = nil
            case "chain": chain = words.count > 1 ? words[1] : nil
            case "type":
                // Base chains go by iptables' names.
                guard let hook = words.firstIndex(of: "hook"), hook + 1 < words.count else { continue }
                chain = words[hook + 1].uppercased()
            case "}": chain = nil
            case nil: continue
            default:
                guard let table, let chain else { continue }
                let text = line.drop { $0.isWhitespace }
                guard let rule = IPTablesRule(nftables: String(text), chain: chain, isIPv6: isIPv6) else { continue }
                tables[table, default: [:]][chain, default: []].append(rule)
            }
            if let table, let chain { tables[table, default: [:]][chain, default: []] += [] }
        }
        self.init(tables: tables, isIPv6: isIPv6)
    }
}

extension IPTablesRule {
    /// - Returns: nil for a rule of the other family.
    init?(nftables text: String, chain: String, isIPv6: Bool) {
        var reader = NFTRuleReader(text, isIPv6: isIPv6)
        reader.read()
        guard !reader.isOfOtherFamily else { return nil }
        self.init(
            text: "\(chain) \(text)", chain: chain, matches: reader.matches, target: reader.target,
            markChange: reader.markChange, unknown: reader.unknown)
    }
}
