import TestSupport
import Testing

@testable import WeirNFT

@Suite struct SavedMeshTablesTests {
    @Test("of a mesh's own table only the chains at the hooks stay, without rules")
    func without() throws {
        let listing = """
            table inet istio-proxy-nat {
            \tchain output {
            \t\ttype nat hook output priority -100; policy accept;
            \t\tcounter jump istio-output
            \t}

            \tchain istio-output {
            \t\tmeta skuid 1337 counter return
            \t}
            }

            """
        let table = try #require(SavedTables.nftTable("istio-proxy-nat", listing: listing))
        let tables = SavedTables(tables: [table])
        let head = [
            "add table inet istio-proxy-nat", "delete table inet istio-proxy-nat", "table inet istio-proxy-nat {",
        ]
        #expect(table.lines.prefix(3) == head[...])
        let rest = tables.without(chains: ["ISTIO_"]).tables[0]
        #expect(
            rest.lines == head + [
                "\tchain output {", "\t\ttype nat hook output priority -100; policy accept;",
                "\t\tct state invalid counter", "\t}", "}",
            ])
        // One that Weir has emptied is nobody's.
        #expect(
            SavedTables.nftTable("istio-proxy-nat", listing: rest.lines.dropFirst(2).joined(separator: "\n")) == nil)
    }

    @Test("text that is changed at random does no harm")
    func fuzz() {
        Mutator.rounds { mutator in
            let text = mutator.mutate(tokens: IstioTables.redirect())
            guard let table = SavedTables.nftTable("istio-proxy-nat", listing: text) else { return }
            _ = SavedTables(tables: [table]).without(chains: [])
        }
    }
}
