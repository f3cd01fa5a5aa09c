import CWeirABI
import WeirCore

/// The entries of `weir_uports` for a policy: ranges of ports as prefixes, ranges of users one by one. The compiler has
/// seen to it that they are not too many.
enum UserPortPrefixes {
    static func keys(of policy: CompiledPolicy, _ slot: UInt32) -> [weir_user_port] {
        var keys: [weir_user_port] = []
        for entry in policy.userPorts {
            let prefixes = entry.ports.flatMap(\.prefixes)
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
}
