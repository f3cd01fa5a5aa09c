import CWeirBPF
import Glibc
import WeirCore

/// iptables rules by which a mesh redirects the traffic of a network namespace.
public enum MeshRules {
    /// The names of such chains of nf_tables in the namespace; none when there are no rules.
    public static func chains(in namespace: borrowing NetworkNamespace) throws(BPFError) -> [String] {
        try namespace.enter { () throws(BPFError) in
            return Set(try nftChains().filter(isMesh)).sorted()
        }
    }

    public static func isMesh(_ chain: String) -> Bool { IPTables.chainPrefixes.contains { chain.hasPrefix($0) } }

    /// Every chain of nf_tables, where iptables-nft's are, too (linux/netfilter/nf_tables.h).
    private static func nftChains() throws(BPFError) -> [String] {
        let getChain = Int32(10) << 8 | 4  // NFNL_SUBSYS_NFTABLES, NFT_MSG_GETCHAIN
        let nameAttribute = Int32(3)  // NFTA_CHAIN_NAME
        var found: [String] = []
        let anyFamily: [UInt8] = [0, 0, 0, 0]  // struct nfgenmsg
        // A kernel without nf_tables answers with an error, and has none of its rules.
        _ = try Netlink(protocol: NETLINK_NETFILTER).request(
            type: getChain, flags: NLM_F_DUMP, payload: anyFamily
        ) { payload in
            Netlink.attributes(payload, skip: anyFamily.count) { type, bytes in
                if type == nameAttribute { found.append(String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)) }
            }
        }
        return found
    }
}
