import CWeirABI
import Glibc
import WeirCore

/// The entries of `weir_uports` for a policy: ranges of ports as prefixes, ranges of users one by one.
enum UserPortPrefixes {
    /// How many there are, which nothing has made yet.
    static func count(of policy: CompiledPolicy) -> Int {
        policy.userPorts.reduce(0) { sum, entry in
            let prefixes = entry.ports.reduce(0) { $0 + split($1.first, $1.last).count }
            // Users are up to 2^32; the rest is what somebody has written down, a few bytes each.
            let (product, overflows) = (entry.transports.count * prefixes)
                .multipliedReportingOverflow(by: entry.users.count)
            let (total, isTooLarge) = sum.addingReportingOverflow(product)
            return overflows || isTooLarge ? .max : total
        }
    }

    static func keys(of policy: CompiledPolicy, _ slot: UInt32) -> [weir_user_port] {
        var keys: [weir_user_port] = []
        for entry in policy.userPorts {
            let prefixes = entry.ports.flatMap { split($0.first, $0.last) }
            for user in entry.users {
                for transport in entry.transports {
                    for prefix in prefixes {
                        keys.append(
                            weir_user_port(
                                length: UInt32(WEIR_USER_PORT_BASE) + prefix.length, policy: slot, uid: user, pad: 0,
                                protocol: transport.rawValue, port: prefix.port.bigEndian))
                    }
                }
            }
        }
        return keys
    }

    /// The fewest prefixes that cover a range of ports.
    static func split(_ first: UInt16, _ last: UInt16) -> [(port: UInt16, length: UInt32)] {
        var found: [(port: UInt16, length: UInt32)] = []
        var start = UInt32(first)
        while start <= UInt32(last) {
            var size: UInt32 = start == 0 ? 65536 : 1 << UInt32(start.trailingZeroBitCount)
            while start + size - 1 > UInt32(last) { size /= 2 }
            found.append((UInt16(start), 16 - UInt32(size.trailingZeroBitCount)))
            start += size
        }
        return found
    }
}
