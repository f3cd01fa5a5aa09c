import CWeirBPF
import Glibc
import WeirCore

/// Rules by which a mesh itself redirects the traffic of a network namespace.
public enum MeshRules {
    /// What the namespace has of them, of either backend of iptables or of nftables itself: "iptables rules redirect its
    /// traffic (chain ISTIO_INBOUND)"; nil for none.
    public static func found(in namespace: borrowing NetworkNamespace) throws(BPFError) -> String? {
        try namespace.enter { () throws(BPFError) in
            let chains = try nftChains()
            if let own = chains.first(where: isOwnTables) {
                return "nftables rules redirect its traffic (table \(MeshTables.family) \(own.table))"
            }
            let chain = (chains.map(\.name) + legacyChains().filter(isMesh)).min()
            return chain.map { "iptables rules redirect its traffic (chain \($0))" }
        }
    }

    static func isMesh(_ chain: String) -> Bool { IPTables.chainPrefixes.contains { chain.hasPrefix($0) } }

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

    /// The old backend tells only its own tool the chains of a table; which tables it has is in /proc.
    private static func legacyChains() -> [String] {
        ["", "6"].flatMap { family -> [String] in
            let tables = TextFile.lines("/proc/thread-self/net/ip\(family)_tables_names")
            guard tables.contains("nat") || tables.contains("mangle") else { return [] }
            return savedChains("ip\(family)tables-legacy-save")
        }
    }

    private static func savedChains(_ program: String) -> [String] {
        guard let pipe = popen("\(program) 2>/dev/null", "re") else { return [] }
        defer { pclose(pipe) }
        return TextFile.lines(pipe).compactMap { line in
            // ":CHAIN POLICY [packets:bytes]"
            line.first == ":" ? line.dropFirst().split(separator: " ").first.map(String.init) : nil
        }
    }
}
