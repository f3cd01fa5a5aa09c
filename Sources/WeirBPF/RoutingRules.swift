import CWeirBPF
import Glibc
import WeirCore

/// The rules of policy routing (ip-rule(8)) that concern what sockets of a network namespace send. Rules for what it
/// forwards (`iif`) do not, nor do those for sockets that are bound to an interface (`oif`, `l3mdev`).
struct RoutingRules {
    /// Tables that are looked up for other reasons than the three rules that every namespace has.
    private(set) var tables: Set<UInt32> = []
    /// Destinations that rules name.
    private(set) var destinations: Set<CIDR> = []
    /// Whether the destination alone decides which route a socket gets.
    private(set) var isByDestination = true
    /// Whether there is nothing but the three rules.
    var isPlain: Bool { isByDestination && tables.isEmpty && destinations.isEmpty && !hasOthers }
    private var hasOthers = false

    /// More than these are not looked through.
    private static let mostRules = 1024
    private static let mostTables = 16

    /// Those of the calling thread's namespace.
    static func read() throws(BPFError) -> RoutingRules {
        var rules = RoutingRules()
        for family in [AF_INET, AF_INET6] { try rules.add(family) }
        if rules.tables.count > mostTables { rules.isByDestination = false }
        return rules
    }

    private mutating func add(_ family: Int32) throws(BPFError) {
        let netlink = try Netlink()
        var (count, found) = (0, self)
        let header = [UInt8(family)] + [UInt8](repeating: 0, count: Self.headerSize - 1)
        let error = try netlink.request(
            type: Int32(RTM_GETRULE), flags: NLM_F_DUMP, payload: header, until: { count > Self.mostRules }
        ) { payload in
            count += 1
            if let rule = Rule(payload, family) { found.add(rule) }
        }
        // A kernel without policy routing, or without IPv6.
        if ![0, EAFNOSUPPORT, EOPNOTSUPP].contains(error) {
            throw BPFError(code: error, operation: "read", subject: "the routing rules of a network namespace")
        }
        self = found
        if count > Self.mostRules { isByDestination = false }
    }

    private mutating func add(_ rule: Rule) {
        if rule.isDefault || rule.isForOthers { return }
        hasOthers = true
        if rule.isBySocket {
            isByDestination = false
        } else {
            if let table = rule.table { tables.insert(table) }
            if let destination = rule.destination { destinations.insert(destination) }
        }
    }

    /// Of `struct fib_rule_hdr`, linux/fib_rules.h.
    private static let headerSize = 12

    /// One rule, as far as it matters here.
    private struct Rule {
        /// One of the three, or of TPROXY mode's own, whose mark only the proxy has.
        var isDefault = false
        var isForOthers = false
        /// Whether it looks at more than the destination.
        var isBySocket = false
        var table: UInt32?
        var destination: CIDR?

        init?(_ payload: UnsafeRawBufferPointer, _ family: Int32) {
            guard payload.count >= RoutingRules.headerSize else { return nil }
            let (destinationLength, sourceLength, tos) = (payload[1], payload[2], payload[3])
            let (tableByte, action) = (payload[4], payload[7])
            var table = UInt32(tableByte)
            var priority: UInt32 = 0
            var hasSelector = sourceLength != 0 || tos != 0
            var isForOthers = false
            var base = family == AF_INET ? Address.any4 : Address.any6
            Netlink.attributes(payload, skip: RoutingRules.headerSize) { type, value in
                let number = value.count >= 4 ? value.loadUnaligned(as: UInt32.self) : 0
                switch type {
                case 1: base = Address(kernel: value) ?? base  // FRA_DST
                case 3: isForOthers = isForOthers || Self.name(value) != "lo"  // FRA_IIFNAME
                case 6: priority = number  // FRA_PRIORITY
                case 15: table = number  // FRA_TABLE
                case 17: isForOthers = true  // FRA_OIFNAME
                case 19: isForOthers = isForOthers || value.first != 0  // FRA_L3MDEV
                // FRA_FWMARK, FRA_TUN_ID, FRA_FWMASK, FRA_UID_RANGE, FRA_IP_PROTO, FRA_SPORT_RANGE, FRA_DPORT_RANGE,
                // and what is newer: FRA_DSCP and FRA_FLOWLABEL with their masks.
                case 12 where value.contains { $0 != 0 }: hasSelector = true
                case 10 where number != 0, 16 where number != 0, 20, 22, 23, 24, 25...: hasSelector = true
                default: break  // FRA_UNUSED, FRA_GOTO, FRA_SUPPRESS_*, FRA_FLOW, FRA_PAD, FRA_PROTOCOL
                }
            }
            let length = Int(destinationLength) + (family == AF_INET ? 96 : 0)
            destination = destinationLength == 0 ? nil : CIDR(containing: base, length: length)
            let usual: [UInt32: UInt32] = [0: 255, 32766: 254, 32767: 253]
            let isUsual = action == 1 && usual[priority] == table && !hasSelector && destination == nil
            isDefault = isUsual || priority == TransparentRouting.number && table == TransparentRouting.number
            self.isForOthers = isForOthers
            isBySocket = hasSelector
            self.table = action == 1 && ![253, 254, 255].contains(table) ? table : nil
        }

        private static func name(_ value: UnsafeRawBufferPointer) -> String {
            String(decoding: value.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}
