/// Rules that somebody else has put into a namespace, as `iptables-save` and `ip6tables-save` print them, or as nft does:
/// as much of them as it takes to say what they decide of a new connection (iptables(8), iptables-extensions(8)).
public struct IPTables: Hashable, Sendable {
    /// Whether these are for IPv6.
    public let isIPv6: Bool
    /// By table, then by chain. Only of those that can redirect.
    private(set) var tables: [String: [String: [IPTablesRule]]] = [:]

    init(tables: [String: [String: [IPTablesRule]]], isIPv6: Bool) {
        self.tables = tables
        self.isIPv6 = isIPv6
    }

    /// - Parameter save: what iptables-save prints; counters and comments are passed over.
    public init(save: String, isIPv6: Bool) {
        self.isIPv6 = isIPv6
        var table = ""
        // What stands in other tables, such as raw's zones of DNS, decides nothing here.
        for line in save.split(separator: "\n") {
            switch line.first {
            case "*": table = String(line.dropFirst())
            case _ where !["mangle", "nat"].contains(table): continue
            case ":":
                let chain = line.dropFirst().prefix { $0 != " " }
                tables[table, default: [:]][String(chain), default: []] += []
            case "-", "[":
                guard let start = line.range(of: "-A ")?.lowerBound else { continue }
                let rule = IPTablesRule(String(line[start...]), isIPv6: isIPv6)
                tables[table, default: [:]][rule.chain, default: []].append(rule)
            default: break
            }
        }
    }

    public var rules: [IPTablesRule] { tables.values.flatMap { $0.values.flatMap { $0 } } }

    /// Whether some rule sends connections elsewhere.
    public var isIntercepting: Bool {
        rules.contains { rule in
            if case .redirect = rule.target { true } else { false }
        }
    }

    /// Whose rules these are, by the names of their chains.
    public var mesh: String? {
        let chains = tables.values.flatMap(\.keys)
        let known = Self.meshes + [(prefix: MeshTables.chainPrefix, name: "istio")]
        return known.first { one in chains.contains { $0.hasPrefix(one.prefix) } }?.name
    }

    /// How the names of meshes' chains begin.
    public static let chainPrefixes = meshes.map(\.prefix)

    /// From istio/istio tools/istio-iptables/pkg/constants, linkerd/linkerd2-proxy-init pkg/iptables, kumahq/kuma
    /// pkg/transparentproxy/iptables/consts, openservicemesh/osm pkg/injector.
    private static let meshes: [(prefix: String, name: String)] = [
        ("ISTIO_", "istio"), ("PROXY_INIT_", "linkerd"), ("KUMA_MESH_", "kuma"), ("OSM_PROXY_", "osm"),
    ]
}

extension Substring {
    /// Where a text begins in this one.
    fileprivate func range(of text: String) -> Range<Index>? {
        indices.first { self[$0...].hasPrefix(text) }.map { $0..<index($0, offsetBy: text.count) }
    }
}
