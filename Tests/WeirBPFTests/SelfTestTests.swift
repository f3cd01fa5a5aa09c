import Foundation
import Testing

@testable import WeirBPF

@Suite struct SelfTestTests {
    private static func refusal(_ use: SelfTest.Permission.Use, _ differences: [SelfTest.Difference]) -> String? {
        SelfTest(differences: differences).permissions.first { $0.use == use }?.refusal
    }

    private static let waitingBytes = SelfTest.Difference(
        role: .member, semantic: .waitingBytes, observed: "FIONREAD returns 0")
    private static let splice = SelfTest.Difference(
        role: .receiver, semantic: .splice, observed: "splice moves nothing")
    private static let peek = SelfTest.Difference(
        role: .receiver, semantic: .peek, observed: "MSG_PEEK consumes bytes")

    @Test func everythingIsAllowedWhereNothingDiffers() {
        #expect(SelfTest(differences: []).permissions.count == 4)
        #expect(SelfTest(differences: []).permissions.allSatisfy { $0.refusal == nil })
    }

    @Test func membersThatDifferKeepApplicationsOut() {
        #expect(
            Self.refusal(.applicationsSend, [Self.waitingBytes])
                == "FIONREAD returns 0 for members on this kernel: application sockets stay out")
        #expect(Self.refusal(.proxiesReceive, [Self.waitingBytes]) == nil)
    }

    @Test func receiversThatDifferConcernProxiesOnlyInWhatTheyNeed() {
        #expect(Self.refusal(.proxiesReceive, [Self.splice]) == nil)
        #expect(Self.refusal(.applicationsSend, [Self.splice]) == nil)
        #expect(
            Self.refusal(.applicationsReceive, [Self.splice])
                == "splice moves nothing for receivers on this kernel: nothing is redirected to applications")
        #expect(
            Self.refusal(.proxiesReceive, [Self.peek, Self.splice])
                == "MSG_PEEK consumes bytes for receivers on this kernel: nothing is redirected to proxies")
    }

    @Test func oneQueueConcernsOnlyThoseWhoNeedIt() {
        let edge = SelfTest.Difference(role: .queued, semantic: .shortRead, observed: "a short read strands bytes")
        #expect(
            Self.refusal(.shortReadersReceive, [edge])
                == "a short read strands bytes for one-queue receivers on this kernel: "
                + "nothing is redirected to proxies that stop at a short read")
        for use in [SelfTest.Permission.Use.proxiesReceive, .applicationsSend, .applicationsReceive] {
            #expect(Self.refusal(use, [edge]) == nil)
        }
        #expect(Self.refusal(.shortReadersReceive, [Self.splice]) == nil)
    }

    /// Redirected bytes never go through splice; were this not found, the test would not have redirected any.
    @Test(.enabled(if: geteuid() == 0, "loading BPF programs takes root"))
    func theKernelIsSeenToRedirect() throws {
        let here = try NetworkNamespace.current().cookie
        let files = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
        let test = try SelfTest.run()
        #expect(test.differences.contains { $0.role == .receiver && $0.semantic == .splice })
        #expect(!test.differences.contains { $0.role == .member && $0.semantic == .splice })
        // What a plain receiver has not, and one with a single queue has.
        #expect(test.differences.contains { $0.role == .receiver && $0.semantic == .shortRead })
        #expect(!test.differences.contains { $0.role == .queued && $0.semantic == .shortRead })
        #expect(!test.allows(.applicationsReceive))
        #expect(try NetworkNamespace.current().cookie == here)
        // What an earlier test had open may have closed meanwhile.
        let now = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
        #expect(Set(now).subtracting(files).isEmpty)
        print("observed: self-test: \(test.differences.map(\.observed)) in \(test.milliseconds) ms")
    }
}
