import Testing
import WeirCore

@Suite struct PortTests {
    @Test(arguments: [("80", "80"), ("80-90", "80-90"), ("0-65535", "0-65535"), ("7-7", "7")])
    func readsRanges(_ text: String, _ printed: String) throws {
        #expect(try PortRange(parsing: text).description == printed)
    }

    @Test(arguments: ["", "-", "80-", "-80", "65536", "80-65536", "1-2-3", " 80", "80 ", "http", "+80", "0x50"])
    func refusesRanges(_ text: String) {
        #expect(
            throws: InvalidValue(
                "\"\(text)\" is not a port or range of ports; write one like 80 or 8000-8080, up to 65535")
        ) { try PortRange(parsing: text) }
    }

    @Test func saysHowToTurnARange() {
        #expect(throws: InvalidValue("\"90-80\" ends before it begins; write 80-90")) {
            try PortRange(parsing: "90-80")
        }
    }

    @Test(arguments: [
        ("1.2.3.4:80", "1.2.3.4:80"), ("[::1]:80", "[::1]:80"), ("[2001:db8::]:65535", "[2001:db8::]:65535"),
    ])
    func readsEndpoints(_ text: String, _ printed: String) throws {
        #expect(try Endpoint(parsing: text).description == printed)
    }

    @Test(arguments: [
        "80", ":80", "1.2.3.4", "1.2.3.4:", "1.2.3.4:0", "1.2.3.4:65536", "::1:80", "[::1]", "[::1]80", "[1.2.3.4]:80",
        "localhost:80", "[::1]:http",
    ])
    func refusesEndpoints(_ text: String) {
        #expect(throws: InvalidValue.self) { try Endpoint(parsing: text) }
    }

    @Test func setHoldsWhatWasPutIn() {
        var random = SeededGenerator(seed: 1)
        for _ in 0..<20 {
            var set = PortSet()
            var expected = Set<UInt16>()
            for _ in 0..<6 {
                let first = UInt16.random(in: 0...65535, using: &random)
                let last = UInt16(min(65535, Int(first) + Int.random(in: 0...300, using: &random)))
                if random.chance(70) {
                    set.insert(PortRange(first, last))
                    expected.formUnion(first...last)
                } else {
                    set.remove(PortRange(first, last))
                    expected.subtract(first...last)
                }
            }
            #expect((UInt16.min...UInt16.max).allSatisfy { set.contains($0) == expected.contains($0) })
            #expect(set.count == expected.count)
            #expect(PortSet(set.ranges) == set)
        }
    }

    @Test func setLaysOutBitsAsTheKernelReadsThem() {
        let set = PortSet([PortRange(0), PortRange(65), PortRange(65535)])
        #expect(set.words[0] == 1 && set.words[1] == 2 && set.words[1023] == 1 << 63)
        #expect(PortSet([.all]).count == 65536)
        #expect(PortSet().isEmpty && PortSet([.all]).ranges == [.all])
    }
}
