import CWeirBPF
import Foundation
import TestSupport
import Testing

@testable import WeirBPF

/// Inbound programs that are loaded before there is a namespace for them.
@Suite(.serialized, .enabled(if: geteuid() == 0, "programs are root's to load"))
final class SteeringTests {
    private let lock = MachineLock(.shared)
    private let pins = PinDirectory(path: "/sys/fs/bpf/weir-test-\(getpid())-steer")

    deinit { Interceptor.uninstall(pins) }

    @Test(arguments: [false, true])
    func namespacesGetProgramsThatAreLoaded(isUpgrade: Bool) throws {
        if isUpgrade { _ = try Interceptor.install(pins) }
        let interceptor = try Interceptor.install(pins)
        let programs = try interceptor.steeringPrograms()
        var used: Set<UInt32> = []
        for _ in 0..<SteeringPrograms.spareCount + 2 {
            let spares = try #require(full(programs))
            #expect(used.isDisjoint(with: spares))
            let namespace = try Namespace()
            let held = try NetworkNamespace(path: namespace.path)
            try Steering.attach(held, interceptor)
            let program = try program(of: held.cookie)
            #expect(spares.contains(program))
            used.insert(program)
        }
    }

    /// A burst that comes before any is made good: each namespace has a program of its own all the same.
    @Test func moreNamespacesThanPrograms() throws {
        let interceptor = try Interceptor.install(pins)
        let namespaces = try (0..<3 * SteeringPrograms.spareCount).map { _ in try Namespace() }
        var used: Set<UInt32> = []
        for namespace in namespaces {
            let held = try NetworkNamespace(path: namespace.path)
            try Steering.attach(held, interceptor)
            used.insert(try program(of: held.cookie))
        }
        #expect(used.count == namespaces.count)
    }

    private func full(_ programs: SteeringPrograms) -> Set<UInt32>? {
        Eventually.value {
            let spares = Set(programs.spareIDs)
            return spares.count == SteeringPrograms.spareCount ? spares : nil
        }
    }

    private func program(of cookie: UInt64) throws -> UInt32 {
        let link = Descriptor(owning: try pins.open("netns/\(cookie)"))
        var info = bpf_link_info()
        #expect(weir_link_info(link.raw, &info) == 0)
        return info.prog_id
    }
}
