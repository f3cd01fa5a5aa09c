import CWeirABI
import CWeirBPF
import Glibc
import WeirCore

/// What a decision needs to know of the way to a destination: `struct weir_route`.
struct Route: Hashable {
    var isLocal: Bool
    var interface: UInt32
    /// What the kernel would choose as the source; nil when it says none.
    var source: Address?
    /// What connect() fails with, as an errno; 0: there is a way.
    var error: Int32 = 0
    var isBroadcast = false
    /// Whether the kernel refuses sources of 127.0.0.0/8, as it does unless route_localnet is set for the interface.
    var refusesLoopback = false
    /// Of the family when it was read, where any of the three above is set: they hold no longer than that.
    var generation: UInt32 = 0
}

/// Reads the routes of the calling thread's network namespace, and asks the kernel which source address each gives.
/// Asking beats computing: source selection is the kernel's own (RFC 6724 for IPv6, fib_select_default for IPv4).
struct RouteReader: ~Copyable {
    private let netlink: Netlink

    init() throws(BPFError) {
        netlink = try Netlink()
    }

    /// What is read of a namespace's routes.
    struct Reading {
        var routes: [CIDR: Route] = [:]
        /// Whether there are more than its share: then its own addresses are known first, and of the rest those with the
        /// shortest prefixes.
        var isCut = false
        /// Whether the destination alone decides which route a socket gets.
        var isByDestination = true
    }

    /// Every destination prefix, and the answer to a representative of it.
    /// - Parameter most: how many; who is in the namespace may make as many as it likes.
    func read(most: Int = Int(WEIR_SHARE_ROUTES)) throws(BPFError) -> Reading {
        let generations = RoutingGenerations.current()
        let rules = try RoutingRules.read()
        var tables = Tables()
        for family in [AF_INET, AF_INET6] {
            for table in [RT_TABLE_LOCAL, RT_TABLE_MAIN, RT_TABLE_DEFAULT].map(\.rawValue) + rules.tables.sorted() {
                try Self.dump(family, table, most, &tables)
            }
        }
        var (local, others) = (tables.local, tables.others.union(rules.destinations))
        var reading = Reading(isByDestination: rules.isByDestination)
        // Both families share one trie: without an entry of its own, IPv4 would meet IPv6's default route.
        let always = [CIDR(containing: .any4, length: 96), CIDR(containing: .any6, length: 0)]
        reading.isCut = local.count + others.count > most - always.count
        if reading.isCut { local = Set(local.shortest(most / 2)) }
        let own = local.filter { !$0.address.isIPv4 && $0.length == 128 }.map(\.address)
        others.formUnion(Self.splits(between: own))
        others.subtract(local)
        let room = most - local.count - always.count
        if others.count > room { reading.isCut = true }
        let prefixes = local.union(others.shortest(room)).union(always)
        let lengths = Set(prefixes.map(\.length)).sorted()
        // Else an address has an answer of its own, which its prefix does not tell.
        let isExact = rules.isPlain && !tables.isBySocket && !reading.isCut
        var loopback: [UInt32: Bool] = [:]
        for prefix in prefixes {
            var route = Route(isLocal: local.contains(prefix), interface: 0, source: nil)
            if let probe = Self.representative(of: prefix, among: prefixes, lengths) {
                try ask(probe, &route)
                if prefix.isIPv4, !route.isLocal, route.error == 0 {
                    let known = loopback[route.interface]
                    route.refusesLoopback = if let known { known } else { try refuses(.loopback4, to: probe) }
                    loopback[route.interface] = route.refusesLoopback
                }
            }
            route.mark(isExact ? prefix.isIPv4 ? generations.ipv4 : generations.ipv6 : 0)
            reading.routes[prefix] = route
        }
        return reading
    }

    /// What tables hold.
    private struct Tables {
        /// Destinations of type RTN_LOCAL of the table that every namespace has for them.
        var local: Set<CIDR> = []
        var others: Set<CIDR> = []
        /// Whether some route is for packets of one source or type of service only.
        var isBySocket = false
    }

    /// Where IPv6 source selection changes within one route: the policy table of RFC 6724, 2.1, and the bit in which
    /// two own addresses part (rule 8, longest matching prefix).
    private static func splits(between own: [Address]) -> Set<CIDR> {
        var found: Set<CIDR> = []
        for text in ["fc00::/7", "2002::/16", "2001::/32", "fec0::/10", "3ffe::/16"] {
            if let prefix = try? CIDR(parsing: text) { found.insert(prefix) }
        }
        // Where two part, two neighbours in the order of addresses do.
        let sorted = own.sorted { ($0.high, $0.low) < ($1.high, $1.low) }
        for (first, second) in zip(sorted, sorted.dropFirst()) {
            let common = first.commonPrefixLength(with: second)
            if common < 128 {
                for side in [first, second] { found.insert(CIDR(containing: side, length: common + 1)) }
            }
        }
        return found
    }

    /// An address of the prefix that no longer prefix of the set covers; nil when those leave none over.
    /// - Parameter lengths: those that occur.
    private static func representative(of prefix: CIDR, among all: Set<CIDR>, _ lengths: [Int]) -> Address? {
        let narrower = lengths.filter { $0 > prefix.length }
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
            let isCovered = narrower.contains { all.contains(CIDR(containing: candidate, length: $0)) }
            if prefix.contains(candidate), !isCovered { return candidate }
        }
        return nil
    }

    /// Destination prefixes of one family in one table.
    private static func dump(
        _ family: Int32, _ table: UInt32, _ most: Int, _ tables: inout Tables
    ) throws(BPFError) {
        let netlink = try Netlink()
        // The kernel then sends the one table (Linux 4.20); else this picks its routes out of all.
        var isStrict: Int32 = 1
        setsockopt(netlink.descriptor.raw, 270, 12, &isStrict, socklen_t(MemoryLayout<Int32>.size))
        var request = rtmsg()
        request.rtm_family = UInt8(family)
        let attribute = [8, 0, UInt8(RTA_TABLE.rawValue), 0] + withUnsafeBytes(of: table) { Array($0) }
        var found: Set<CIDR> = []
        var own: Set<CIDR> = []
        var isBySocket = false
        let error = try netlink.request(
            type: Int32(RTM_GETROUTE), flags: NLM_F_DUMP,
            payload: withUnsafeBytes(of: &request) { Array($0) } + attribute,
            until: { found.count + own.count > most }
        ) { payload in
            guard payload.count >= MemoryLayout<rtmsg>.size else { return }
            let route = payload.loadUnaligned(as: rtmsg.self)
            let types = [
                RTN_UNICAST, RTN_LOCAL, RTN_BROADCAST, RTN_UNREACHABLE, RTN_PROHIBIT, RTN_BLACKHOLE, RTN_THROW,
            ]
            // RTM_F_CLONED: an entry of a cache, not of a table.
            guard types.map({ Int($0) }).contains(Int(route.rtm_type)), route.rtm_flags & 0x200 == 0 else { return }
            var base = family == AF_INET ? Address.any4 : Address.any6
            var number = UInt32(route.rtm_table)
            Netlink.attributes(payload, skip: MemoryLayout<rtmsg>.size) { type, value in
                switch type {
                case Int32(RTA_DST.rawValue): base = Address(kernel: value) ?? base
                case Int32(RTA_TABLE.rawValue): number = value.loadUnaligned(as: UInt32.self)
                default: break
                }
            }
            guard number == table else { return }
            if route.rtm_src_len != 0 || route.rtm_tos != 0 { isBySocket = true }
            let prefix = CIDR(containing: base, length: Int(route.rtm_dst_len) + (family == AF_INET ? 96 : 0))
            let isOwn = Int(route.rtm_type) == Int(RTN_LOCAL) && table == UInt32(RT_TABLE_LOCAL.rawValue)
            if isOwn { own.insert(prefix) } else { found.insert(prefix) }
        }
        // A kernel without IPv6 has no such routes, and a namespace may have no such table; that is no failure.
        if ![0, EAFNOSUPPORT, EOPNOTSUPP, ENOENT].contains(error) {
            throw BPFError(code: error, operation: "read", subject: "the routes of a network namespace")
        }
        tables.local.formUnion(own)
        tables.others.formUnion(found)
        tables.isBySocket = tables.isBySocket || isBySocket
    }

    /// Asks for the route to one address, as connect() would.
    /// - Returns: the route's type, such as RTN_MULTICAST; 0: there is none.
    @discardableResult
    func ask(_ destination: Address, _ route: inout Route) throws(BPFError) -> Int {
        try ask(RouteQuestion(destination: destination), &route)
    }

    /// The same of a certain socket.
    @discardableResult
    func ask(_ question: RouteQuestion, _ route: inout Route) throws(BPFError) -> Int {
        var source: Address?
        var interface: UInt32 = 0
        var type = 0
        let error = try netlink.request(
            type: Int32(RTM_GETROUTE), flags: 0, payload: question.message
        ) { payload in
            guard payload.count >= MemoryLayout<rtmsg>.size else { return }
            type = Int(payload.loadUnaligned(as: rtmsg.self).rtm_type)
            Netlink.attributes(payload, skip: MemoryLayout<rtmsg>.size) { type, value in
                switch type {
                case Int32(RTA_PREFSRC.rawValue): source = Address(kernel: value)
                case Int32(RTA_OIF.rawValue): interface = value.loadUnaligned(as: UInt32.self)
                default: break
                }
            }
        }
        route.isLocal = route.isLocal || type == Int(RTN_LOCAL)
        route.isBroadcast = type == Int(RTN_BROADCAST)
        route.source = source
        route.interface = interface
        // IPv4 says it by failing, IPv6 by the type of a route (ip6_rt_type_to_error()).
        let errors = [Int(RTN_UNREACHABLE): EHOSTUNREACH, Int(RTN_PROHIBIT): EACCES, Int(RTN_BLACKHOLE): EINVAL]
        let isKnown = [ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL].contains(error)
        route.error = isKnown ? error : errors[type] ?? 0
        return type
    }

    /// Whether the kernel takes no packet from this source to this destination, to which it takes some.
    private func refuses(_ source: Address, to destination: Address) throws(BPFError) -> Bool {
        try netlink.request(
            type: Int32(RTM_GETROUTE), flags: 0,
            payload: RouteQuestion(destination: destination, source: source).message
        ) { _ in } == EINVAL
    }
}

extension Route {
    /// Says how long what makes a connection fail holds; 0: that is not known, so none of it is.
    fileprivate mutating func mark(_ generation: UInt32) {
        if generation == 0 { (error, isBroadcast, refusesLoopback) = (0, false, false) }
        let mayFail = error != 0 || isBroadcast || refusesLoopback
        self.generation = mayFail ? generation : 0
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

extension Set<CIDR> {
    /// So many of them, those with the shortest prefixes.
    fileprivate func shortest(_ count: Int) -> some Sequence<CIDR> {
        let isSmall = self.count <= count
        return isSmall ? Array(self) : Array(sorted { $0.length < $1.length }.prefix(Swift.max(0, count)))
    }
}
