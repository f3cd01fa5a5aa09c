import CWeirBPF
import Glibc
import WeirCore

/// Rules by which a mesh itself redirects the traffic of a network namespace.
public enum MeshRules {
    /// What the namespace has of them, of either backend of iptables or of nftables itself: "iptables rules redirect its
    /// traffic (chain ISTIO_INBOUND)"; nil for none.
    /// - Parameter legacy: its chains of the old backend of iptables, which only its own tool tells of.
    public static func found(
        in namespace: borrowing NetworkNamespace, legacy: [String]
    ) throws(BPFError) -> String? {
        let chains = try namespace.enter { () throws(BPFError) in try nftChains() }
        if let own = chains.first(where: isOwnTables) {
            return "nftables rules redirect its traffic (table \(MeshTables.family) \(own.table))"
        }
        let chain = (chains.map(\.name) + legacy.filter(isMesh)).min()
        return chain.map { "iptables rules redirect its traffic (chain \($0))" }
    }

    private static func isMesh(_ chain: String) -> Bool { IPTables.chainPrefixes.contains { chain.hasPrefix($0) } }

    private static func isOwnTables(_ chain: Chain) -> Bool {
        MeshTables.names.contains(chain.table) && chain.name.hasPrefix(MeshTables.chainPrefix)
    }

    private struct Chain {
        var table = ""
        var name = ""
    }

    /// A mesh's among the chains of nf_tables, where iptables-nft's are, too (linux/netfilter/nf_tables.h).
    private static func nftChains() throws(BPFError) -> [Chain] {
        let getChain = Int32(10) << 8 | 4  // NFNL_SUBSYS_NFTABLES, NFT_MSG_GETCHAIN
        let (tableAttribute, nameAttribute) = (Int32(1), Int32(3))  // NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME
        var found: [Chain] = []
        let anyFamily: [UInt8] = [0, 0, 0, 0]  // struct nfgenmsg
        // A kernel without nf_tables answers with an error, and has none of its rules.
        _ = try Netlink(protocol: NETLINK_NETFILTER).request(
            type: getChain, flags: NLM_F_DUMP, payload: anyFamily
        ) { payload in
            var chain = Chain()
            Netlink.attributes(payload, skip: anyFamily.count) { type, bytes in
                let text = { String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self) }
                if type == tableAttribute { chain.table = text() }
                if type == nameAttribute { chain.name = text() }
            }
            if isOwnTables(chain) || isMesh(chain.name) { found.append(chain) }
        }
        return found
    }
}
