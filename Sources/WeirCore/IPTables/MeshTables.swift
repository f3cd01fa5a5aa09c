/// Tables of nftables in which a mesh redirects by itself, without iptables: Istio's, in the pod's network namespace
/// (istio/istio tools/istio-nftables/pkg/constants).
public enum MeshTables {
    public static let family = "inet"
    /// Those that decide of a connection, in the order of their hooks, and the names that iptables has for the same.
    static let deciding = [(name: "istio-proxy-mangle", like: "mangle"), (name: "istio-proxy-nat", like: "nat")]
    /// All of them. The raw table only divides connection tracking's zones.
    public static let names = deciding.map(\.name) + ["istio-proxy-raw"]
    /// How the names of their chains begin, but for those at the hooks. A table that Weir has emptied has only these.
    public static let chainPrefix = "istio-"
}
