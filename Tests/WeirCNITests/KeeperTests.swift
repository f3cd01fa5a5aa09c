import Foundation
import Synchronization
import TestSupport
import Testing

@testable import WeirCNI

struct KeeperTests {
    /// A keeper on a thread of its own, until the end of the test.
    private final class Running: Sendable {
        let events = Mutex<[InstallKeeper.Event]>([])
        private let stop = StopSignal()
        private let ended = Atomic(false)
        /// "PID/task/TID"
        private let thread = Mutex("")

        init(_ installer: Installer) {
            let keeper = InstallKeeper(installer) { [self] event in events.withLock { $0.append(event) } }
            Thread.detachNewThread { [self] in
                let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/thread-self")
                thread.withLock { $0 = path ?? "" }
                keeper.run(until: stop)
                ended.store(true, ordering: .releasing)
            }
        }

        var installs: Int { events.withLock { $0.count { if case .installed = $0 { true } else { false } } } }

        /// Waits until it sleeps: it has seen all that it made happen itself (proc(5), stat, field 3).
        func settles() -> Bool {
            Eventually.value {
                let status = Workspace.read("/proc/\(thread.withLock { $0 })/stat").split(separator: ")").last
                return status?.hasPrefix(" S") == true ? true : nil
            } ?? false
        }

        func end() -> Bool {
            stop.stop()
            return Eventually.value { ended.load(ordering: .acquiring) ? true : nil } ?? false
        }
    }

    @Test func waitsForANetworkPluginAndPutsBackWhatIsRewritten() throws {
        let directory = try Directory()
        let running = Running(directory.installer())
        let problem = Eventually.value { running.events.withLock { $0.first } }
        #expect(
            problem
                == .problem("\(directory.conf) is empty of network configurations; install a network plugin first"))

        try directory.write("10-a.conflist", try Golden.text("flannel.conflist"))
        let first = Eventually.value { try? directory.installer().isInstalled() ? true : nil }
        #expect(first == true)

        // The network plugin starts anew and writes its file again.
        try directory.write("10-a.conflist", try Golden.text("calico.conflist"))
        let second = Eventually.value { running.installs == 2 ? true : nil }
        #expect(second == true)
        #expect(directory.read("10-a.conflist") == (try Golden.text("calico.conflist.installed")))

        // Somebody removes the program.
        unlink("\(directory.bin)/weir-cni")
        let third = Eventually.value { try? directory.installer().isInstalled() ? true : nil }
        #expect(third == true)
        #expect(running.end())
    }

    /// A directory that is replaced as a whole is watched again.
    @Test func outlivesItsDirectory() throws {
        let directory = try Directory()
        try directory.write("10-a.conflist", try Golden.text("flannel.conflist"))
        let running = Running(directory.installer())
        let first = Eventually.value { running.installs == 1 ? true : nil }
        #expect(first == true && running.settles())
        rename(directory.conf, directory.conf + ".old")
        mkdir(directory.conf, 0o755)
        try directory.write("10-b.conflist", try Golden.text("weave.conflist"))
        let second = Eventually.value { directory.read("10-b.conflist")?.contains("weir-cni") == true ? true : nil }
        #expect(second == true)
        #expect(running.end())
    }

    /// Another program takes the entry out whenever it sees it. Nobody wins, and nobody is kept busy.
    @Test func doesNotFight() throws {
        let directory = try Directory()
        let text = try Golden.text("flannel.conflist")
        try directory.write("10-a.conflist", text)
        let running = Running(directory.installer())
        let start = ContinuousClock.now
        let reached: Bool? = try Eventually.value {
            if directory.read("10-a.conflist") != text { try directory.write("10-a.conflist", text) }
            return running.installs == 4 ? true : nil
        }
        #expect(reached == true)
        // The first time and the first repair are at once, the next after a second, the one after that in two.
        #expect(ContinuousClock.now - start > .milliseconds(2900))
        let waits = running.events.withLock { $0.count { if case .waiting = $0 { true } else { false } } }
        #expect(waits > 0)
        #expect(running.end())
    }

    @Test func theSecondsBetweenRepairsDouble() {
        var pace = RepairPace()
        var now = 0
        var waits: [Int] = []
        for _ in 0..<12 {
            now += pace.wait(at: now)
            pace.wrote(at: now)
            waits.append(pace.wait(at: now) / 1000)
        }
        #expect(waits == [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300])
        now += RepairPace.calm + 1
        #expect(pace.wait(at: now) == 0)
        pace.wrote(at: now)
        #expect(pace.wait(at: now) == 0)
    }
}
