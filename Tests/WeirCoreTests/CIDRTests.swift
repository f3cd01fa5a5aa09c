import Testing
import WeirCore

@Suite struct CIDRTests {
    @Test(arguments: [
        ("10.0.0.0/8", "10.0.0.0/8", 104), ("10.1.2.3", "10.1.2.3/32", 128), ("0.0.0.0/0", "0.0.0.0/0", 96),
        ("::/0", "::/0", 0), ("::1", "::1/128", 128), ("2001:db8::/32", "2001:db8::/32", 32),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8", 104), ("::/90", "::/90", 90), ("::fffe:0:0/95", "::fffe:0:0/95", 95),
    ])
    func readsAndPrints(_ text: String, _ printed: String, _ length: Int) throws {
        let range = try CIDR(parsing: text)
        #expect(range.description == printed)
        #expect(range.length == length)
        #expect(try CIDR(parsing: printed) == range)
    }

    @Test(arguments: [
        (
            "10.1.2.3/8",
            "\"10.1.2.3/8\" has bits set beyond its length; write 10.0.0.0/8, or 10.1.2.3/32 for the one address"
        ),
        (
            "fd00::1/8",
            "\"fd00::1/8\" has bits set beyond its length; write fd00::/8, or fd00::1/128 for the one address"
        ),
        ("10.0.0.0/33", "\"10.0.0.0/33\" has no length from 0 to 32 after its slash"),
        ("::/129", "\"::/129\" has no length from 0 to 128 after its slash"),
        ("10.0.0.0/", "\"10.0.0.0/\" has no length from 0 to 32 after its slash"),
        ("10.0.0.0/-1", "\"10.0.0.0/-1\" has no length from 0 to 32 after its slash"),
        ("10.0.0.0/8/8", "\"10.0.0.0/8/8\" has no length from 0 to 32 after its slash"),
        ("ten/8", "\"ten/8\" is not an address range; write one like 10.0.0.0/8 or 2001:db8::/32"),
        ("", "\"\" is not an address range; write one like 10.0.0.0/8 or 2001:db8::/32"),
    ])
    func saysWhatIsWrong(_ text: String, _ sentence: String) {
        #expect(throws: InvalidValue(sentence)) { try CIDR(parsing: text) }
    }

    @Test func masksAsIptablesDoes() throws {
        #expect(try CIDR(masking: "127.0.0.1/8") == CIDR(parsing: "127.0.0.0/8"))
        #expect(throws: InvalidValue.self) { try CIDR(masking: "127.0.0.1/40") }
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.255.255", true), ("10.0.0.0/8", "11.0.0.0", false), ("0.0.0.0/0", "9.9.9.9", true),
        ("0.0.0.0/0", "::1", false), ("::/0", "::1", true), ("::/0", "10.0.0.1", false), ("::/90", "10.0.0.1", false),
        ("fe80::/10", "febf::1", true), ("fe80::/10", "fec0::1", false), ("128.0.0.0/1", "127.0.0.1", false),
    ])
    func contains(_ range: String, _ address: String, _ expected: Bool) throws {
        #expect(try CIDR(parsing: range).contains(Address(parsing: address)) == expected)
    }
}
