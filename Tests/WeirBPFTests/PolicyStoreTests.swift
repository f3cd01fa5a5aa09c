import CWeirABI
import Foundation
import TestSupport
import Testing
import WeirCore

@testable import WeirBPF

/// What a process leaves in the slots is what the next one finds.
@Suite(.serialized, .enabled(if: geteuid() == 0, "programs are root's to load"))
struct PolicyStoreTests {
    private static func policy(outbound: UInt16) throws -> CompiledPolicy {
        var specification = PolicySpecification(dialect: .custom)
        specification.outboundPort = outbound
        specification.outboundExcludeRanges = [try CIDR(parsing: "10.0.0.0/8")]
        return try PolicyCompiler.compile(specification)
    }

    private static func spares(_ maps: Maps) throws -> Set<UInt32> {
        try Set((0..<UInt32(WEIR_MAX_POLICIES)).filter { try maps.content(of: $0) == .spare })
    }

    /// What decides, and what is written down of it.
    private static func hasPolicy(_ maps: Maps, _ slot: UInt32) throws -> Bool {
        let isThere = try !maps.sources(of: slot).isEmpty
        let content = try maps.content(of: slot)
        #expect(isThere == (content != .empty && content != .spare && content != .changing))
        return isThere
    }

    @Test func theNextProcessFindsPoliciesAndSpareSlots() throws {
        let maps = try Interceptor.loadPrivately().maps
        let first = try PolicyStore(maps)
        _ = Eventually.value { (try? Self.spares(maps).count) == SpareSlots.count ? true : nil }
        let policies = try (0..<20).map { try Self.policy(outbound: 15001 + $0) }
        let slots = try first.place(policies)
        #expect(Set(slots).count == 20)
        #expect(try slots.allSatisfy { try Self.hasPolicy(maps, $0) })
        _ = Eventually.value { (try? Self.spares(maps).count) == SpareSlots.count ? true : nil }
        let spares = try Self.spares(maps)
        #expect(spares.count == SpareSlots.count)

        let second = try PolicyStore(maps)
        #expect(try second.place(policies) == slots)
        #expect(try spares.contains(second.place(Self.policy(outbound: 16000))))
        try second.release(keeping: [slots[0]])
        second.settle()
        #expect(try slots.filter { try Self.hasPolicy(maps, $0) } == [slots[0]])
        #expect(try Set(maps.prefixes.walk(weir_prefix.self).map(\.policy)) == [slots[0]])
    }

    /// One workload that changes its policy for ever takes some slots, whoever waits for programs that read an old one.
    @Test func changesWithoutEndFindSlots() throws {
        let maps = try Interceptor.loadPrivately().maps
        let store = try PolicyStore(maps)
        for number in 0..<(Int(WEIR_MAX_POLICIES) + 200) {
            try store.release(keeping: [try store.place(Self.policy(outbound: UInt16(1000 + number)))])
        }
        store.settle()
        let filled = try (0..<UInt32(WEIR_MAX_POLICIES)).filter { slot in
            switch try maps.content(of: slot) {
            case .filled, .changing: true
            case .empty, .spare: false
            }
        }
        #expect(filled.count == 1)
        #expect(try maps.prefixes.walk(weir_prefix.self).count == 1)
    }

    /// Ranges of another policy would decide with those of the next one in that slot.
    @Test func whatAKilledProcessHasHalfWrittenGoes() throws {
        let maps = try Interceptor.loadPrivately().maps
        let policy = try Self.policy(outbound: 15001)
        let slot = try PolicyStore(maps).place(policy)
        try maps.note(.changing, of: slot)
        let next = try PolicyStore(maps)
        #expect(try maps.content(of: slot) == .empty)
        #expect(try maps.prefixes.walk(weir_prefix.self).isEmpty)
        #expect(try Self.hasPolicy(maps, next.place(policy)))
    }
}
