import Foundation
import Testing

@testable import TestSupport

extension Commands {
    /// What a killed run of these tests leaves is removed by the next.
    @Suite struct LeftoversOfTests {
        @Test func stateOfAKilledRun() throws {
            let gone = try ChildProcess(["true"])
            _ = try gone.wait()
            let folder = "/run/weir-state/\(Workspace.prefix)\(gone.pid)-1"
            defer { try? FileManager.default.removeItem(atPath: folder) }
            try FileManager.default.createDirectory(atPath: "\(folder)/namespaces", withIntermediateDirectories: true)
            try "note".write(toFile: "\(folder)/namespaces/one", atomically: false, encoding: .utf8)
            let own = "/run/weir-state/\(Workspace.ownPrefix)1000000"
            try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: true)
            Leftovers.sweep()
            #expect(access(folder, F_OK) != 0)
            #expect(access(own, F_OK) == 0 && Leftovers.own().contains { own.hasSuffix($0) })
            rmdir(own)
            rmdir("/run/weir-state")
        }
    }
}
