import CWeirABI
import Glibc

extension Maps {
    /// Lets go of a namespace's listeners at ports that its policy no longer steers to. Those would otherwise stay for as long
    /// as somebody listens, and a policy may have had any port.
    public func forgetListeners(at ports: Set<UInt16>, in cookie: UInt64) throws(BPFError) {
        for port in ports {
            for family in [AF_INET, AF_INET6] {
                for slot in 0..<WEIR_DOOR_END.rawValue {
                    try listeners.remove(
                        weir_listener(netns: cookie, port: port.bigEndian, family: UInt16(family), slot: slot))
                }
            }
        }
    }
}
