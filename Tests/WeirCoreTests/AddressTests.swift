import Testing
import WeirCore

@Suite struct AddressTests {
    @Test(arguments: [
        ("0.0.0.0", "0.0.0.0"), ("10.1.2.3", "10.1.2.3"), ("255.255.255.255", "255.255.255.255"),
        ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("2001:DB8::1", "2001:db8::1"),
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
        ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8"),
        ("::ffff:10.1.2.3", "10.1.2.3"), ("::ffff:a01:203", "10.1.2.3"), ("64:ff9b::1.2.3.4", "64:ff9b::102:304"),
        ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"), ("0:0:0:0:0:0:0:0", "::"), ("fe80::10", "fe80::10"),
    ])
    func readsAndPrints(_ text: String, _ printed: String) throws {
        let address = try Address(parsing: text)
        #expect(address.description == printed)
        #expect(Address(address.description) == address)
        #expect(Address(bytes: address.bytes) == address)
    }

    @Test(arguments: [
        "", ".", ":", ":::", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.04", "01.2.3.4", "1.2.3.", "1..3.4", "+1.2.3.4",
        "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "1:2:3:4:5:6:7:8::", "::1:", ":1::", "12345::", "g::",
        "fe80::1%eth0", "1.2.3.4/8", "::1.2.3", "1.2.3.4::", "localhost", " 1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4",
        "::1 ", "1.2.3.4\n", "1:2:3:4:5:6:7::8",
    ])
    func refuses(_ text: String) {
        // "1:2:3:4:5:6:7::8" has a gap of no group, which inet_pton(3) refuses too.
        #expect(Address(text) == nil)
    }

    @Test func saysWhatIsWrong() {
        #expect(throws: InvalidValue("\"nine\" is not an IP address; write one like 10.1.2.3 or 2001:db8::1")) {
            try Address(parsing: "nine")
        }
    }

    @Test func keepsIPv4Mapped() {
        let address = Address(ipv4: 0x0a01_0203)
        #expect(address.bytes == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 2, 3])
        #expect(address.isIPv4 && address.ipv4 == 0x0a01_0203)
        #expect(Address("::10.1.2.3")?.isIPv4 == false)
    }

    @Test func knowsSpecialAddresses() {
        for text in ["127.0.0.1", "127.255.0.1", "::1"] { #expect(Address(text)?.isLoopback == true) }
        for text in ["128.0.0.1", "::2", "::", "0.0.0.0"] { #expect(Address(text)?.isLoopback == false) }
        for text in ["0.0.0.0", "::", "::ffff:0.0.0.0"] { #expect(Address(text)?.isUnspecified == true) }
        for text in ["127.0.0.6", "::6"] { #expect(Address(text)?.isPassthroughSource == true) }
        for text in ["127.0.0.1", "::1", "::7f00:6"] { #expect(Address(text)?.isPassthroughSource == false) }
    }

    @Test func ordersAsBytes() {
        let sorted = ["::1", "10.0.0.1", "10.0.0.2", "2001:db8::", "fe80::1"].compactMap { Address($0) }
        #expect(sorted.shuffled().sorted() == sorted)
    }
}
