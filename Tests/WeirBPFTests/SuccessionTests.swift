import CWeirABI
import CWeirBPF
import Foundation
import TestSupport
import Testing

@testable import WeirBPF

/// One installation in the place of another whose maps have another layout.
@Suite(.serialized, .enabled(if: geteuid() == 0, "programs are root's to load"))
final class SuccessionTests {
    private let lock = MachineLock(.shared)
    private let pins = PinDirectory(path: "/sys/fs/bpf/weir-test-\(getpid())-next")

    deinit { Interceptor.uninstall(pins) }

    @Test func linksAreKeptAndMapsAreNot() throws {
        let old = try installOld()
        let links = try links(of: pins)
        let new = try Interceptor.install(pins)
        #expect(new.isWaiting)
        #expect(try self.links(of: pins) == links)
        try new.takeOver()
        #expect(!new.isWaiting)
        for name in Interceptor.programNames {
            let (before, after) = (try #require(links[name]), try #require(try self.links(of: pins)[name]))
            #expect((before.id == after.id) == Succession.deciding.contains(name), "\(name)")
            #expect(before.program != after.program, "\(name)")
        }
        #expect(try new.maps.socks.info().id != old.maps.socks.info().id)
        #expect(pins.predecessors().count == 1)
        Interceptor.removePredecessors(pins)
        #expect(pins.predecessors().isEmpty)
        #expect(Interceptor.uninstall(pins) == Interceptor.programNames.count)
    }

    @Test func givingUpLeavesTheOldOne() throws {
        _ = try installOld()
        let links = try links(of: pins)
        try Interceptor.install(pins).giveUp()
        #expect(try self.links(of: pins) == links)
        #expect(Interceptor.uninstall(pins) == Interceptor.programNames.count)
        #expect(!FileManager.default.fileExists(atPath: pins.staging.path))
    }

    /// Between two renames there is no installation of the name; the links that decide are in what was left.
    @Test func aProcessThatDiedWhileItTookOver() throws {
        _ = try installOld()
        try Interceptor.install(pins).takeOver()
        let links = try links(of: pins)
        let dead = try ended()
        #expect(rename(pins.path, "\(pins.path)-new-\(dead)") == 0)
        _ = try Interceptor.install(pins)
        #expect(try self.links(of: pins).mapValues(\.id) == links.mapValues(\.id))
        Interceptor.removePredecessors(pins)
        #expect(Interceptor.uninstall(pins) == Interceptor.programNames.count)
    }

    /// Something is in the way of the last link. Those before it, and the namespaces', get their programs back.
    @Test func aTakeoverThatFailsIsUndone() throws {
        let namespace = try Namespace()
        let old = try installOld()
        try Steering.attach(try NetworkNamespace(path: namespace.path), old)
        let before = try links(of: pins)
        let new = try Interceptor.install(pins)
        try Steering.attach(try NetworkNamespace(path: namespace.path), new)
        let obstacle = "\(pins.staging.path)/links/weir_sendmsg6"
        #expect(mkdir(obstacle, 0o700) == 0)

        let error = #expect(throws: BPFError.self) { try new.takeOver() }
        #expect("\(try #require(error))".contains("weir_sendmsg6"))
        #expect(try links(of: pins) == before)
        #expect(new.isWaiting)
        #expect(pins.predecessors().isEmpty)
        #expect(Succession.deciding.filter { new.pins?.staging.has("links/\($0)") == true } == ["weir_sendmsg6"])
        #expect(pins.staging.names(in: "netns").isEmpty)

        #expect(rmdir(obstacle) == 0)
        try new.takeOver()
        let after = try links(of: pins)
        for name in before.keys { #expect(after[name]?.program != before[name]?.program, "\(name)") }
        Interceptor.removePredecessors(pins)
        #expect(Interceptor.uninstall(pins) == Interceptor.programNames.count + 1)
    }

    private func installOld() throws -> Interceptor {
        let old = try Interceptor.install(pins)
        var settings = try old.settings()
        settings.abi_version = UInt32(WEIR_ABI_VERSION) - 1
        try old.maps.settings.set(UInt32(0), to: settings)
        return old
    }

    private struct Link: Equatable { let id, program: UInt32 }

    /// What is attached, to the cgroup by the name of the program, and to namespaces by their cookies.
    private func links(of pins: PinDirectory) throws -> [String: Link] {
        var found: [String: Link] = [:]
        for folder in ["links", "netns"] {
            for name in pins.names(in: folder) {
                let link = Descriptor(owning: try pins.open("\(folder)/\(name)"))
                var info = bpf_link_info()
                #expect(weir_link_info(link.raw, &info) == 0)
                found[name] = Link(id: info.id, program: info.prog_id)
            }
        }
        return found
    }

    /// The number of a process that has ended.
    private func ended() throws -> Int32 {
        let process = try ChildProcess(["true"])
        _ = try process.wait()
        return process.pid
    }
}
