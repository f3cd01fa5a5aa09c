import CWeirBPF
import Glibc
import WeirCore

/// What a decision needs to know of the way to a destination: `struct weir_route`.
struct Route: Hashable {
    var isLocal: Bool
    var interface: UInt32
    /// What the kernel would choose as the source; nil when it says none.
    var source: Address?
}

/// Reads the routes of the calling thread's network namespace, and asks the kernel which source address each gives.
/// Asking beats computing: source selection is the kernel's own (RFC 6724 for IPv6, fib_select_default for IPv4).
struct RouteReader: ~Copyable {
    private let netlink: Netlink

    init() throws(BPFError) {
        netlink = try Netlink()
    }

    /// Every destination prefix, and the answer to a representative of it.
    func read() throws(BPFError) -> [CIDR: Route] {
        var local: Set<CIDR> = []
        var prefixes = try dump(AF_INET, &local)
        prefixes.formUnion(try dump(AF_INET6, &local))
        let own = local.filter { $0.address.isIPv4 == false && $0.length == 128 }.map(\.address)
        prefixes.formUnion(Self.splits(between: own))
        // Both families share one trie: without an entry of its own, IPv4 would meet IPv6's default route.
        prefixes.formUnion([CIDR(containing: .any4, length: 96), CIDR(containing: .any6, length: 0)])
        var routes: [CIDR: Route] = [:]
        for prefix in prefixes {
            var route = Route(isLocal: local.contains(prefix), interface: 0, source: nil)
            if let probe = Self.representative(of: prefix, among: prefixes) {
                try ask(probe, &route)
            }
            routes[prefix] = route
        }
        return routes
    }

    /// Where IPv6 source selection changes within one route: the policy table of RFC 6724, 2.1, and the bit in which
    /// two own addresses part (rule 8, longest matching prefix).
    private static func splits(between own: [Address]) -> Set<CIDR> {
        var found: Set<CIDR> = []
        for text in ["fc00::/7", "2002::/16", "2001::/32", "fec0::/10", "3ffe::/16"] {
            if let prefix = try? CIDR(parsing: text) { found.insert(prefix) }
        }
        for first in own {
            for second in own where first != second {
                let common = first.commonPrefixLength(with: second)
                if common < 128 { found.insert(CIDR(containing: first, length: common + 1)) }
            }
        }
        return found
    }

    /// An address of the prefix that no longer prefix of the set covers; nil when those leave none over.
    private static func representative(of prefix: CIDR, among all: Set<CIDR>) -> Address? {
        let narrower = all.filter { $0.length > prefix.length && prefix.contains($0.address) }
        // Low bits first, but the network address itself last: it is often a broadcast or anycast one. Then each bit
        // behind the prefix in turn, which leads out of one narrower prefix after the other.
        let low: [UInt64] = [1, 2, 77, 0x4d4d, 0xcb00_7107, 0xc000_0263]
        let base = prefix.address
        var candidates = low.map { Address(high: base.high, low: base.low | $0) }
        for bit in UInt64(prefix.length)..<128 {
            let isHigh = bit < 64
            let high: UInt64 = isHigh ? 1 << (63 - bit) : 0
            candidates.append(Address(high: base.high | high, low: base.low | (isHigh ? 1 : 1 << (127 - bit))))
        }
        for candidate in candidates + [base] {
            if prefix.contains(candidate), !narrower.contains(where: { $0.contains(candidate) }) { return candidate }
        }
        return nil
    }

    /// Destination prefixes of one family in all tables; those of type RTN_LOCAL also go into `local`.
    private func dump(_ family: Int32, _ local: inout Set<CIDR>) throws(BPFError) -> Set<CIDR> {
        var request = rtmsg()
        request.rtm_family = UInt8(family)
        var found: Set<CIDR> = []
        var own: Set<CIDR> = []
        let error = try netlink.request(
            type: Int32(RTM_GETROUTE), flags: NLM_F_DUMP, payload: withUnsafeBytes(of: &request) { Array($0) }
        ) { payload in
            guard payload.count >= MemoryLayout<rtmsg>.size else { return }
            let route = payload.loadUnaligned(as: rtmsg.self)
            let wanted = [RTN_UNICAST, RTN_LOCAL, RTN_UNREACHABLE, RTN_PROHIBIT, RTN_BLACKHOLE].map { Int($0) }
            // RTM_F_CLONED: an entry of a cache, not of a table.
            // Other tables are for marked packets (TransparentRouting) and the like.
            guard route.rtm_table >= 253, wanted.contains(Int(route.rtm_type)), route.rtm_flags & 0x200 == 0
            else { return }
            var base = family == AF_INET ? Address.any4 : Address.any6
            Netlink.attributes(payload, skip: MemoryLayout<rtmsg>.size) { type, value in
                if type == Int32(RTA_DST.rawValue) { base = Address(kernel: value) ?? base }
            }
            let prefix = CIDR(containing: base, length: Int(route.rtm_dst_len) + (family == AF_INET ? 96 : 0))
            found.insert(prefix)
            if Int(route.rtm_type) == Int(RTN_LOCAL) { own.insert(prefix) }
        }
        // A kernel without IPv6 has no such routes; that is no failure.
        if error != 0 && error != EAFNOSUPPORT && error != EOPNOTSUPP {
            throw BPFError(code: error, operation: "read", subject: "the routes of a network namespace")
        }
        local.formUnion(own)
        return found
    }

    /// Asks for the route to one address, as connect() would.
    func ask(_ destination: Address, _ route: inout Route) throws(BPFError) {
        var request = rtmsg()
        request.rtm_family = UInt8(destination.isIPv4 ? AF_INET : AF_INET6)
        request.rtm_dst_len = destination.isIPv4 ? 32 : 128
        let bytes = destination.isIPv4 ? Array(destination.bytes.suffix(4)) : destination.bytes
        let attribute = [UInt8(4 + bytes.count), 0, UInt8(RTA_DST.rawValue), 0] + bytes
        var source: Address?
        var interface: UInt32 = 0
        var isLocal = false
        _ = try netlink.request(
            type: Int32(RTM_GETROUTE), flags: 0,
            payload: withUnsafeBytes(of: &request) { Array($0) } + attribute
        ) { payload in
            guard payload.count >= MemoryLayout<rtmsg>.size else { return }
            isLocal = Int(payload.loadUnaligned(as: rtmsg.self).rtm_type) == Int(RTN_LOCAL)
            Netlink.attributes(payload, skip: MemoryLayout<rtmsg>.size) { type, value in
                switch type {
                case Int32(RTA_PREFSRC.rawValue): source = Address(kernel: value)
                case Int32(RTA_OIF.rawValue): interface = value.loadUnaligned(as: UInt32.self)
                default: break
                }
            }
        }
        route.isLocal = route.isLocal || isLocal
        route.source = source
        route.interface = interface
    }
}

extension Address {
    /// From the kernel's 4 or 16 bytes in network order.
    init?(kernel bytes: UnsafeRawBufferPointer) {
        if bytes.count == 4 {
            self.init(ipv4: UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self)))
        } else {
            self.init(bytes: bytes)
        }
    }

    func commonPrefixLength(with other: Address) -> Int {
        let high = (self.high ^ other.high).leadingZeroBitCount
        return high < 64 ? high : 64 + (low ^ other.low).leadingZeroBitCount
    }
}
