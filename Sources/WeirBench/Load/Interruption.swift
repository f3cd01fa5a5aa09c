import Dispatch
import Glibc
import Synchronization

/// ^C, SIGTERM and SIGHUP end a run in order: its processes are killed, so that nothing waits for them, and the run
/// finds out at its next step.
final class Interruption: Sendable {
    private struct State {
        var signal: Int32?
        var processes: Set<Int32> = []
    }

    private let state = Mutex(State())
    // Set in init, and then held only.
    private nonisolated(unsafe) let sources: [any DispatchSourceSignal]

    static let signals = [SIGINT, SIGTERM, SIGHUP]

    init() {
        // Orders to a process that was killed fail; they do not end this one.
        signal(SIGPIPE, SIG_IGN)
        let queue = DispatchQueue(label: "weir.bench.signals")
        sources = Self.signals.map { number in
            signal(number, SIG_IGN)
            return DispatchSource.makeSignalSource(signal: number, queue: queue)
        }
        for (source, number) in zip(sources, Self.signals) {
            source.setEventHandler { [weak self] in self?.interrupt(number) }
            source.activate()
        }
    }

    private func interrupt(_ number: Int32) {
        state.withLock { state in
            state.signal = state.signal ?? number
            for pid in state.processes { kill(pid, SIGKILL) }
        }
    }

    func started(_ pid: Int32) {
        state.withLock { state in
            state.processes.insert(pid)
            if state.signal != nil { kill(pid, SIGKILL) }
        }
    }

    func stopped(_ pid: Int32) {
        state.withLock { _ = $0.processes.remove(pid) }
    }

    /// Why the run is to end; nil: it is not.
    var error: Interrupted? { state.withLock { $0.signal }.map(Interrupted.init) }

    func check() throws { if let error { throw error } }
}
