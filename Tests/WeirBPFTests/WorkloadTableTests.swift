import CWeirABI
import Foundation
import TestSupport
import Testing
import WeirCore

@testable import WeirBPF

@Suite(.serialized, .enabled(if: geteuid() == 0, "programs are root's to load"))
struct WorkloadTableTests {
    /// Each workload counts for itself; who comes after one begins with nothing.
    @Test func sharesAreOneEach() throws {
        let interceptor = try Interceptor.loadPrivately()
        let table = try WorkloadTable(interceptor)
        let policy = try PolicyCompiler.compile(PolicySpecification(dialect: .custom))
        let share = { (number: UInt64) in
            let key = WorkloadKey.netns(0xffff_0000_0000_0000 + number)
            try table.register(key, name: "w\(number)", policy: policy, whenProxyDown: WEIR_DOWN_REFUSE)
            let index = try #require(try table.value(of: key)).share
            let counted: weir_share? = try interceptor.maps.shares.value(of: index)
            return (index, try #require(counted), key)
        }
        let (first, second) = (try share(1), try share(2))
        #expect(first.0 != second.0 && first.1.workload != second.1.workload)
        #expect(try share(1).0 == first.0)
        var used = first.1
        used.handshakes = 7
        try interceptor.maps.shares.set(first.0, to: used)
        try table.remove(first.2)
        let third = try share(3)
        #expect(third.0 == first.0 && third.1.handshakes == 0)
        // Another process gives none of them away.
        let next = try WorkloadTable(interceptor)
        let key = WorkloadKey.netns(0xffff_0000_0000_0009)
        try next.register(key, name: "w9", policy: policy, whenProxyDown: WEIR_DOWN_REFUSE)
        #expect(try ![second.0, third.0].contains(#require(try next.value(of: key)).share))
    }

    /// A pod's namespace and name may have 63 + 1 + 253 bytes; the kernel keeps 95. Counters go by the id.
    @Test(arguments: ["shop/cart", String(repeating: "shop", count: 23) + "/carté", String(repeating: "n", count: 300)])
    func aNameKeepsItsID(_ name: String) throws {
        let lock = MachineLock(.shared)
        defer { withExtendedLifetime(lock) {} }
        let pins = PinDirectory(path: "/sys/fs/bpf/weir-test-\(getpid())-names")
        defer { Interceptor.uninstall(pins) }
        let table = try WorkloadTable(try Interceptor.install(pins))
        let policy = try PolicyCompiler.compile(PolicySpecification(dialect: .custom))
        let register = { (name: String) in
            try table.register(
                .netns(0xffff_0000_0000_0002), name: name, policy: policy, whenProxyDown: WEIR_DOWN_REFUSE)
        }
        let id = try register(name)
        #expect(try register(name) == id)
        #expect(try register("another") != id)
    }

    /// Two pods whose names differ behind the byte where the kernel's field ends.
    @Test func longNamesStayApart() {
        let start = "production/" + String(repeating: "checkout-service-", count: 10)
        let (one, other) = (KernelName.of(start + "a"), KernelName.of(start + "b"))
        #expect(
            one != other && one.utf8.count == 95 && one.hasPrefix(start.prefix(78)) && other.hasPrefix(start.prefix(78))
        )
        #expect(KernelName.of(start + "a") == one)
        let whole = String(repeating: "n", count: 95)
        #expect(KernelName.of(whole) == whole)
        // A letter of several bytes is not cut in two.
        let accents = KernelName.of(String(repeating: "é", count: 60))
        #expect(accents.utf8.count <= 95 && !accents.contains("\u{fffd}"))
    }
}
