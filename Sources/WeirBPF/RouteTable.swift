import CWeirABI
import CWeirBPF
import Glibc
public import WeirCore

/// Keeps `weir_routes` in step with one network namespace's routing tables.
public final class RouteTable {
    private let cookie: UInt64
    private let map: Maps
    private var written: [CIDR: Route] = [:]

    /// - Parameter written: what an earlier process wrote for this namespace, which the first `synchronize` corrects.
    public init(_ namespace: borrowing NetworkNamespace, _ maps: Maps, written: [CIDR] = []) {
        cookie = namespace.cookie
        map = maps
        let unknown = Route(isLocal: false, interface: .max, source: nil)
        for prefix in written { self.written[prefix] = unknown }
    }

    /// What it has written.
    public var prefixes: [CIDR] { Array(written.keys) }

    /// What stands in the kernel, by namespace.
    public static func written(_ maps: Maps) throws(BPFError) -> [UInt64: [CIDR]] {
        var found: [UInt64: [CIDR]] = [:]
        for key in try maps.routes.walk(weir_destination.self) {
            let length = Int(key.length) - Int(WEIR_DESTINATION_BASE)
            found[key.cookie, default: []].append(CIDR(containing: Address(abi: key.address), length: length))
        }
        return found
    }

    /// Reads the namespace's routes and writes what has changed; new entries first, so that none is missing meanwhile.
    /// - Returns: how many entries changed.
    @discardableResult
    public func synchronize(_ namespace: borrowing NetworkNamespace) throws(BPFError) -> Int {
        let current = try namespace.enter { () throws(BPFError) in try RouteReader().read() }
        var changed = 0
        for (prefix, route) in current where written[prefix] != route {
            try map.routes.set(key(prefix), to: value(route))
            changed += 1
        }
        for prefix in written.keys where current[prefix] == nil {
            try map.routes.remove(key(prefix))
            changed += 1
        }
        written = current
        return changed
    }

    /// Removes every entry of the namespace.
    public func clear() throws(BPFError) {
        for prefix in written.keys { try map.routes.remove(key(prefix)) }
        written = [:]
    }

    /// Removes every entry of a namespace that is gone.
    public static func clear(cookie: UInt64, _ maps: Maps) throws(BPFError) {
        for key in try maps.routes.walk(weir_destination.self) where key.cookie == cookie {
            try maps.routes.remove(key)
        }
    }

    private func key(_ prefix: CIDR) -> weir_destination {
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
        return value
    }
}

extension weir_destination {
    var cookie: UInt64 { UInt64(netns_high) << 32 | UInt64(netns_low) }
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
