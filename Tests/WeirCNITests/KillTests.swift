import Foundation
import TestSupport
import Testing

@testable import WeirCNI

/// `weir cni install` and `uninstall`, killed at any moment: a runtime that reads meanwhile finds the one configuration or
/// the other, whole.
struct KillTests {
    @Test(arguments: ["calico.conflist", "cilium.conf"])
    func killedAtAnyMoment(_ name: String) throws {
        let directory = try Directory()
        let text = try Golden.text(name)
        let installed = try Golden.text("\(name).installed")
        try directory.write("10-\(name)", text)
        let program = try Data(contentsOf: URL(fileURLWithPath: Programs.weirCNI.get()))
        // One run to its end says how many looks it takes; the others are killed after more and more of them.
        let whole = try Self.run("install", directory, looks: .max) { _ in }
        try Self.run("uninstall", directory, looks: .max) { _ in }
        var seen: Set<String> = []
        var round = 0
        // Where that run was quicker than these are, it takes more of them until one gets as far as the other state.
        while round < 80 || round < 800 && seen.count < 2 {
            defer { round += 1 }
            let verb = round % 2 == 0 ? "install" : "uninstall"
            try Self.run(verb, directory, looks: whole * round / 60) { seen.insert($0) }
            try #require(seen.isSubset(of: [text, installed]))
            if let copy = FileManager.default.contents(atPath: "\(directory.bin)/weir-cni") { #expect(copy == program) }
        }
        #expect(seen.count == 2)
        // Whatever was left half way is finished, and goes.
        try Self.run("install", directory, looks: .max) { _ in }
        try Self.run("uninstall", directory, looks: .max) { _ in }
        #expect(try directory.picture() == ["net.d/10-\(name)": "600 \(text)"])
    }

    /// Kills the command after so many looks at what a runtime would take, and hands on what was seen.
    /// - Returns: the looks until its end.
    @discardableResult
    private static func run(
        _ verb: String, _ directory: Directory, looks: Int, _ see: (String) -> Void
    ) throws -> Int {
        let process = try Weir.start(["cni", verb, "--bin-dir", directory.bin, "--conf-dir", directory.conf])
        var count = 0
        while count < looks && process.poll() == nil {
            see(try primary(directory))
            count += 1
        }
        let result = process.stop(SIGKILL)
        guard looks < .max || result.status == 0 else {
            throw TestError("weir cni \(verb) failed", output: result.errors)
        }
        see(try primary(directory))
        return count
    }

    /// What a container runtime would take.
    private static func primary(_ directory: Directory) throws -> String {
        // A file may go between the listing and the reading; the runtime reads again, too.
        let text = Eventually.value(within: 5) { () -> String? in
            let names = (try? FileManager.default.contentsOfDirectory(atPath: directory.conf)) ?? []
            return names.filter(NetworkDirectory.isConfiguration).min().flatMap { directory.read($0) }
        }
        return text ?? "nothing"
    }
}
