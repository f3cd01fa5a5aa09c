import CWeirBPF
import Glibc

/// The maps of one installation. What each is for: `bpf/maps.bpf.h`.
public final class Maps: Sendable {
    public let podSlots: Map
    public let pods: Map
    public let cgroups: Map
    public let policies: Map
    public let slots: Map
    public let owners: Map
    public let prefixes: Map
    public let routes: Map
    public let userPorts: Map
    public let interfaces: Map
    public let socks: Map
    public let datagrams: Map
    public let shares: Map
    public let origins: Map
    public let clients: Map
    public let targets: Map
    public let listeners: Map
    public let counters: Map
    public let ends: Map
    public let pairs: Map
    public let peers: Map
    public let queues: Map
    public let paths: Map
    public let loops: Map
    public let flows: Map
    public let settings: Map

    static let names = [
        "weir_podslots", "weir_pods", "weir_cgroups", "weir_policies", "weir_slots", "weir_owners", "weir_prefixes",
        "weir_routes", "weir_uports", "weir_ifaces", "weir_socks", "weir_datagrams", "weir_shares", "weir_origins",
        "weir_clients", "weir_targets", "weir_listeners", "weir_counters", "weir_ends", "weir_pairs", "weir_peers",
        "weir_queues",
        "weir_paths", "weir_loops", "weir_flows", "weir_settings",
    ]

    /// - Parameter open: how one map is had by its name.
    init(_ open: (String) throws(BPFError) -> Map) throws(BPFError) {
        podSlots = try open("weir_podslots")
        pods = try open("weir_pods")
        cgroups = try open("weir_cgroups")
        policies = try open("weir_policies")
        slots = try open("weir_slots")
        owners = try open("weir_owners")
        prefixes = try open("weir_prefixes")
        routes = try open("weir_routes")
        userPorts = try open("weir_uports")
        interfaces = try open("weir_ifaces")
        socks = try open("weir_socks")
        datagrams = try open("weir_datagrams")
        shares = try open("weir_shares")
        origins = try open("weir_origins")
        clients = try open("weir_clients")
        targets = try open("weir_targets")
        listeners = try open("weir_listeners")
        counters = try open("weir_counters")
        ends = try open("weir_ends")
        pairs = try open("weir_pairs")
        peers = try open("weir_peers")
        queues = try open("weir_queues")
        paths = try open("weir_paths")
        loops = try open("weir_loops")
        flows = try open("weir_flows")
        settings = try open("weir_settings")
    }

    /// Visits every map.
    public func forEach(_ body: (borrowing Map) throws(BPFError) -> Void) throws(BPFError) {
        try body(podSlots)
        try body(pods)
        try body(cgroups)
        try body(policies)
        try body(slots)
        try body(owners)
        try body(prefixes)
        try body(routes)
        try body(userPorts)
        try body(interfaces)
        try body(socks)
        try body(datagrams)
        try body(shares)
        try body(origins)
        try body(clients)
        try body(targets)
        try body(listeners)
        try body(counters)
        try body(ends)
        try body(pairs)
        try body(peers)
        try body(queues)
        try body(paths)
        try body(loops)
        try body(flows)
        try body(settings)
    }
}
