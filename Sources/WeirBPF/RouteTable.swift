import CWeirABI
import CWeirBPF
import Glibc
public import WeirCore

/// Keeps `weir_routes` in step with one network namespace's routing tables.
public final class RouteTable {
    private let cookie: UInt64
    private let maps: Maps
    private var written: [CIDR: Route] = [:]
    /// Whether the namespace's addresses stand under cookie 0, too: its sockets take part in the short cut.
    private var isNear = false
    private var near: Set<CIDR> = []

    /// What an earlier process wrote for this namespace, the first `synchronize` corrects.
    /// - Parameters:
    ///   - written: under the namespace's cookie.
    ///   - near: under cookie 0, of every namespace.
    public init(
        _ namespace: borrowing NetworkNamespace, _ maps: Maps, written: [CIDR] = [], near: [CIDR] = []
    ) {
        cookie = namespace.cookie
        self.maps = maps
        let unknown = Route(isLocal: false, interface: .max, source: nil)
        for prefix in written { self.written[prefix] = unknown }
        self.near = Set(near).intersection(written)
    }

    /// Whether the namespace has more routes than its share: then not all are known.
    public private(set) var isCut = false

    /// Whether the destination alone decides which route a socket of the namespace gets: else what is known of its routes
    /// is right for some of its sockets only.
    public private(set) var isByDestination = true

    /// What it has written.
    public var prefixes: [CIDR] { Array(written.keys) }

    /// What stands in the kernel, by namespace.
    public static func written(_ maps: Maps) throws(BPFError) -> [UInt64: [CIDR]] {
        var found: [UInt64: [CIDR]] = [:]
        for key in try maps.routes.walk(weir_destination.self) {
            found[key.cookie, default: []].append(key.prefix)
        }
        return found
    }

    /// Says whether sockets of other namespaces may have their peers here.
    public func setNear(_ isNear: Bool) throws(BPFError) {
        self.isNear = isNear
        try writeNear()
    }

    /// Reads the namespace's routes and writes what has changed; new entries first, so that none is missing meanwhile.
    /// - Returns: how many entries changed.
    @discardableResult
    public func synchronize(_ namespace: borrowing NetworkNamespace) throws(BPFError) -> Int {
        let reading = try namespace.enter { () throws(BPFError) in try RouteReader().read() }
        let current = reading.routes
        var changed = 0
        for (prefix, route) in current where written[prefix] != route {
            try maps.routes.set(key(prefix), to: value(route))
            written[prefix] = route
            changed += 1
        }
        for prefix in Array(written.keys) where current[prefix] == nil {
            try maps.routes.remove(key(prefix))
            written[prefix] = nil
            changed += 1
        }
        isCut = reading.isCut
        isByDestination = reading.isByDestination
        try writeNear()
        return changed
    }

    /// The namespace's own addresses, as far as others can call them.
    private func writeNear() throws(BPFError) {
        let own = written.filter { prefix, route in
            route.isLocal && prefix.length == 128 && !prefix.address.isLoopback
        }
        let wanted = isNear ? Set(own.keys) : []
        let value = value(Route(isLocal: true, interface: 0, source: nil))
        for prefix in wanted.subtracting(near) { try maps.routes.set(key(prefix, cookie: 0), to: value) }
        try Self.removeNear(near.subtracting(wanted), of: cookie, maps)
        near = wanted
    }

    /// Takes away what stands under cookie 0, except for addresses that another namespace has as well: a pod that took
    /// over the address of one that is still ending.
    private static func removeNear(_ gone: Set<CIDR>, of cookie: UInt64, _ maps: Maps) throws(BPFError) {
        if gone.isEmpty { return }
        var alone = gone
        for key in try maps.routes.walk(weir_destination.self) where key.cookie != 0 && key.cookie != cookie {
            alone.remove(key.prefix)
        }
        for prefix in alone { try maps.routes.remove(key(prefix, cookie: 0)) }
    }

    /// Removes every entry of the namespace.
    public func clear() throws(BPFError) {
        for prefix in written.keys { try maps.routes.remove(key(prefix)) }
        // Those, too, that stood there for another namespace's sake when this one's sockets left the short cut.
        try Self.removeNear(near.union(written.keys.filter { $0.length == 128 }), of: cookie, maps)
        written = [:]
        near = []
    }

    /// Removes the entries of namespaces that no workload lives in.
    /// - Returns: how many namespaces that were.
    @discardableResult
    public static func reap(keeping used: Set<UInt64>, _ maps: Maps) throws(BPFError) -> Int {
        let gone = try written(maps).keys.filter { $0 != 0 && !used.contains($0) }
        for cookie in gone { try clear(cookie: cookie, maps) }
        return gone.count
    }

    /// Removes every entry of a namespace that is gone.
    public static func clear(cookie: UInt64, _ maps: Maps) throws(BPFError) {
        var gone: Set<CIDR> = []
        for key in try maps.routes.walk(weir_destination.self) where key.cookie == cookie {
            try maps.routes.remove(key)
            if key.prefix.length == 128 { gone.insert(key.prefix) }
        }
        try removeNear(gone, of: cookie, maps)
    }

    private func key(_ prefix: CIDR, cookie: UInt64? = nil) -> weir_destination {
        Self.key(prefix, cookie: cookie ?? self.cookie)
    }

    private static func key(_ prefix: CIDR, cookie: UInt64) -> weir_destination {
        var key = weir_destination()
        key.length = UInt32(WEIR_DESTINATION_BASE) + UInt32(prefix.length)
        key.netns_high = UInt32(truncatingIfNeeded: cookie >> 32)
        key.netns_low = UInt32(truncatingIfNeeded: cookie)
        prefix.address.store(in: &key.address)
        return key
    }

    private func value(_ route: Route) -> weir_route {
        var value = weir_route()
        value.interface = route.interface
        if route.isLocal { value.flags |= UInt32(WEIR_ROUTE_LOCAL.rawValue) }
        if let source = route.source {
            value.flags |= UInt32(WEIR_ROUTE_SOURCE.rawValue)
            source.store(in: &value.source)
        }
        if route.isBroadcast { value.flags |= UInt32(WEIR_ROUTE_BROADCAST.rawValue) }
        if route.refusesLoopback { value.flags |= UInt32(WEIR_ROUTE_NO_LOOPBACK.rawValue) }
        value.error = UInt32(route.error)
        value.generation = route.generation
        return value
    }
}

extension weir_destination {
    var cookie: UInt64 { UInt64(netns_high) << 32 | UInt64(netns_low) }
    var prefix: CIDR { CIDR(containing: Address(abi: address), length: Int(length) - Int(WEIR_DESTINATION_BASE)) }
}

/// The sixteen bytes of an address as C arrays are imported.
public typealias AddressBytes = (
    UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8
)

extension Address {
    /// From a C struct of `weir/abi.h`.
    public init(abi bytes: AddressBytes) {
        self = withUnsafeBytes(of: bytes) {
            Address(
                high: UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)),
                low: UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        }
    }

    /// Into a C struct of `weir/abi.h`.
    public func store(in bytes: inout AddressBytes) {
        withUnsafeMutableBytes(of: &bytes) { if let base = $0.baseAddress { write(to: base) } }
    }
}
