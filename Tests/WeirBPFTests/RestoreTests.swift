import CWeirBPF
import Foundation
import TestSupport
import Testing

@testable import WeirBPF

/// What somebody does to an installation, and what the process that holds it makes of that.
@Suite(.serialized, .enabled(if: geteuid() == 0, "programs are root's to load"))
final class RestoreTests {
    enum Damage: String, CaseIterable, Sendable {
        case pinOfMap = "maps/weir_pods"
        case pinOfProgram = "programs/weir_explain"
        case pinOfLink = "links/weir_sockops"
        case otherPin = "links/weir_connect6"
        case link = "links/weir_connect4"
        case program = "links/weir_sendmsg4"
        case steering, steeringProgram, shortCut, everything
    }

    private let lock = MachineLock(.shared)
    private let pins = PinDirectory(path: "/sys/fs/bpf/weir-test-\(getpid())-restore")
    private let cgroup: Cgroup

    init() throws { cgroup = try Cgroup() }

    deinit { Interceptor.uninstall(pins) }

    @Test(arguments: Damage.allCases)
    func whatIsDamagedIsPutBack(_ damage: Damage) throws {
        let interceptor = try Interceptor.install(pins, cgroup: cgroup.path)
        let namespace = try Namespace()
        let held = try NetworkNamespace(path: namespace.path)
        try Steering.attach(held, interceptor)
        let before = try state()
        #expect(restore(interceptor, held).isEmpty)
        #expect(pins.faults().isEmpty)

        try cause(damage, interceptor, held)
        let found = restore(interceptor, held)
        #expect(!found.isEmpty, "nobody notices")
        #expect(found.allSatisfy { $0.failure == nil }, "\(found)")
        #expect(found.contains { $0.subject == Self.subject(damage) }, "\(found)")
        // Attached to the same places, with the same programs; the copies of the namespace's are alike.
        let after = try state()
        #expect(after.keys == before.keys)
        for (name, one) in after where name.hasPrefix("links/") { #expect(one == before[name], "\(name)") }
        #expect(try interceptor.hasShortCut)
        #expect(pins.faults().isEmpty)
        #expect(restore(interceptor, held).isEmpty, "it is not put back for good")
        #expect(Interceptor.uninstall(pins) == Interceptor.programNames.count + 1)
        #expect(KernelLink.all(using: [try interceptor.maps.settings.info().id]).isEmpty)
    }

    /// While there is no cgroup nothing can be attached, which is said; one that is made anew gets all of it.
    @Test func aCgroupThatIsMadeAnew() throws {
        let interceptor = try Interceptor.install(pins, cgroup: cgroup.path)
        let namespace = try Namespace()
        let held = try NetworkNamespace(path: namespace.path)
        try #require(rmdir(cgroup.path) == 0)
        #expect(restore(interceptor, held).map { $0.failure != nil } == [true])
        // The kernel detaches links some time after the cgroup has gone.
        let count = Interceptor.programNames.count
        #expect(Eventually.value { pins.faults().count == count ? true : nil } == true)
        try #require(mkdir(cgroup.path, 0o755) == 0)
        #expect(restore(interceptor, held).count { $0.failure == nil } == Interceptor.programNames.count)
        #expect(restore(interceptor, held).isEmpty)
        #expect(pins.faults().isEmpty)
    }

    /// Links that are pinned where nobody looks, after the process and its pins have gone.
    @Test func whatHasLostItsPinsIsFound() throws {
        let other = "/sys/fs/bpf/weir-test-\(getpid())-elsewhere"
        defer { unlink(other) }
        do {
            _ = try Interceptor.install(pins, cgroup: cgroup.path)
            let link = Descriptor(owning: try pins.open("links/weir_connect4"))
            try #require(bpf_obj_pin(link.raw, other) == 0)
            pins.removeAll()
        }
        let sentences = Eventually.value { pins.faults().count == 1 ? pins.faults() : nil }
        #expect(sentences == ["weir_connect4 is attached, and not pinned under \(pins.path)"])
        #expect(Interceptor.uninstall(pins) == 1)
        #expect(pins.faults().isEmpty)
    }

    /// A look at 250 namespaces.
    @Test func theCost() throws {
        let interceptor = try Interceptor.install(pins, cgroup: cgroup.path)
        let namespaces = try (0..<250).map { _ in try Namespace() }
        for one in namespaces { try Steering.attach(try NetworkNamespace(path: one.path), interceptor) }
        let durations = (0..<20).map { _ in
            ContinuousClock().measure { #expect(interceptor.restore { _ in false }.isEmpty) }
        }
        print("a look at 250 namespaces: \(durations.sorted()[10]) (median of 20)")
    }

    private func restore(_ interceptor: Interceptor, _ held: borrowing NetworkNamespace) -> [Restoration] {
        interceptor.restore { cookie throws(BPFError) in
            guard cookie == held.cookie else { return false }
            try Steering.attach(held, interceptor)
            return true
        }
    }

    private static func subject(_ damage: Damage) -> Restoration.Subject {
        switch damage {
        case .link, .steering: .link
        case .program, .steeringProgram: .program
        case .shortCut: .shortCut
        default: .pin
        }
    }

    private func cause(_ damage: Damage, _ interceptor: Interceptor, _ held: borrowing NetworkNamespace) throws {
        let path = "\(pins.path)/\(damage.rawValue)"
        switch damage {
        case .pinOfMap, .pinOfProgram, .pinOfLink: try #require(unlink(path) == 0)
        case .otherPin:
            try #require(unlink(path) == 0)
            let other = try pins.open("links/weir_connect4")
            defer { close(other) }
            try #require(bpf_obj_pin(other, path) == 0)
        case .link: try detach(damage.rawValue)
        case .program:
            let link = Descriptor(owning: try pins.open(damage.rawValue))
            let other = try Interceptor.loadOther("weir_sendmsg4")
            try #require(weir_link_update(link.raw, other.raw) == 0)
        case .steering: try detach("netns/\(held.cookie)")
        case .steeringProgram:
            let link = Descriptor(owning: try pins.open("netns/\(held.cookie)"))
            let other = try interceptor.steeringPrograms().program(for: held.cookie)
            try #require(weir_link_update(link.raw, other.descriptor.raw) == 0)
        case .shortCut:
            let program = Descriptor(owning: try pins.open("programs/weir_redirect"))
            try #require(bpf_prog_detach2(program.raw, interceptor.maps.peers.raw, BPF_SK_MSG_VERDICT) == 0)
        case .everything: pins.removeAll()
        }
    }

    private func detach(_ name: String) throws {
        let link = Descriptor(owning: try pins.open(name))
        try #require(bpf_link_detach(link.raw) == 0)
    }

    /// By name: the program, and where it is attached.
    private func state() throws -> [String: [UInt64]] {
        var found: [String: [UInt64]] = [:]
        for folder in PinDirectory.folders {
            for name in pins.names(in: folder) {
                let name = "\(folder)/\(name)"
                let object = Descriptor(owning: try pins.open(name))
                var info = bpf_link_info()
                let isLink = folder == "links" && weir_link_info(object.raw, &info) == 0
                found[name] = isLink ? [UInt64(info.prog_id), info.cgroup.cgroup_id] : []
            }
        }
        return found
    }
}

extension Interceptor {
    /// A program of the object, loaded by itself with maps of its own.
    fileprivate static func loadOther(_ name: String) throws -> Descriptor {
        let object = try Object()
        object.select { $0 == name }
        try object.load()
        let own = fcntl(object.program(name) ?? -1, F_DUPFD_CLOEXEC, 0)
        if own < 0 { throw TestError("there is no program \(name)") }
        return Descriptor(owning: own)
    }
}
