import CWeirBPF
import Glibc
public import WeirCore

extension NetworkNamespace {
    /// The addresses of the namespace's interfaces in the kernel's order, IPv4 first (rtnetlink(7), RTM_GETADDR).
    /// - Parameter limit: about how many are read.
    public func interfaceAddresses(limit: Int = 1024) throws(BPFError) -> [Address] {
        try enter { () throws(BPFError) in
            let header = 8  // struct ifaddrmsg: family, length, flags, scope, index
            var found: [Address] = []
            let error = try Netlink().request(
                type: Int32(RTM_GETADDR), flags: NLM_F_DUMP, payload: [UInt8](repeating: 0, count: header),
                until: { found.count >= limit }
            ) { payload in
                var own: Address?
                Netlink.attributes(payload, skip: header) { type, value in
                    // Of a point-to-point interface IFA_ADDRESS is the other end's, and IFA_LOCAL its own.
                    let isOwn = type == Int32(IFA_LOCAL)
                    if isOwn || type == Int32(IFA_ADDRESS) && own == nil { own = Address(kernel: value) }
                }
                if let own { found.append(own) }
            }
            guard error == 0 else {
                throw BPFError(code: error, operation: "read", subject: "the addresses of a network namespace")
            }
            return found
        }
    }
}
