import CWeirABI
import Testing
import WeirCore

/// Swift's names against the C header.
@Suite struct WordTests {
    @Test func reasonsHaveTheHeadersWords() {
        #expect(Reason.allCases.count == Int(WEIR_REASON_COUNT.rawValue))
        #expect(Reason.excludedPort.word == "excluded_port")
        #expect(Reason.excludedPort.sentence == "the port is in the list of excluded ports")
        #expect(Set(Reason.allCases.map(\.word)).count == Reason.allCases.count)
        for reason in Reason.allCases { #expect(Reason(word: reason.word) == reason) }
        #expect(Reason(word: "because") == nil)
        #expect(Reason(rawValue: 255).word == "unknown")
    }

    @Test func verdictsAndDirectionsHaveTheHeadersNumbers() {
        let verdicts = [
            (Verdict.direct, WEIR_VERDICT_DIRECT), (.outbound, WEIR_VERDICT_OUTBOUND), (.inbound, WEIR_VERDICT_INBOUND),
            (.dns, WEIR_VERDICT_DNS), (.fallback, WEIR_VERDICT_FALLBACK), (.refuse, WEIR_VERDICT_REFUSE),
        ]
        #expect(verdicts.count == Int(WEIR_VERDICTS.rawValue) && Verdict.allCases.count == verdicts.count)
        for (verdict, constant) in verdicts { #expect(UInt32(verdict.rawValue) == constant.rawValue) }
        #expect(UInt32(Direction.outbound.rawValue) == WEIR_OUTBOUND.rawValue)
        #expect(UInt32(Direction.inbound.rawValue) == WEIR_INBOUND.rawValue)
        #expect(OwnerFacts.Kind.uid.rawValue == WEIR_OWNER_UID.rawValue)
        #expect(OwnerFacts.Kind.gid.rawValue == WEIR_OWNER_GID.rawValue)
        #expect(UInt32(WhenProxyDown.refuse.rawValue) == WEIR_DOWN_REFUSE.rawValue)
        #expect(UInt32(WhenProxyDown.fallback.rawValue) == WEIR_DOWN_FALLBACK.rawValue)
        #expect(UInt32(WhenProxyDown.direct.rawValue) == WEIR_DOWN_DIRECT.rawValue)
    }

    @Test func factsHaveNames() {
        #expect(Facts([.udp, .mark, .portDNS]).description == "udp port_dns mark")
        let every = Facts(rawValue: UInt32(WEIR_FACT_MARK.rawValue) << 1 - 1)
        #expect(every.names.count == 23 && Set(every.names).count == 23)
    }
}
