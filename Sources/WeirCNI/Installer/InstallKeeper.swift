import Glibc

/// Keeps the plugin installed: waits for the node's network plugin to come, and puts back what was rewritten or removed.
public struct InstallKeeper: Sendable {
    public enum Event: Equatable, Sendable {
        /// The network configuration that has the plugin now.
        case installed(String)
        /// Others took it out again; it comes back after so many milliseconds.
        case waiting(Int)
        /// Why it cannot be installed now. It is tried again when a file changes, and now and then.
        case problem(String)
    }

    private let installer: Installer
    private let report: @Sendable (Event) -> Void
    /// After a problem that no file's change may end.
    private static let retry: Int32 = 10_000

    public init(_ installer: Installer, report: @escaping @Sendable (Event) -> Void) {
        self.installer = installer
        self.report = report
    }

    /// Works on the calling thread until it is stopped; sleeps while nothing happens.
    public func run(until stop: StopSignal) {
        var pace = RepairPace()
        var problem: String?
        while !stop.isStopped {
            do throws(InstallError) {
                // Watched anew each time, because a directory may be replaced, and before it is looked at, so that no
                // change falls between.
                let watch = try DirectoryWatch([installer.confDirectory, installer.binDirectory])
                var next: Int32 = -1
                do throws(InstallError) {
                    if try !repair(&pace, stop) { continue }
                    problem = nil
                } catch {
                    tell(error, &problem)
                    next = Self.retry
                }
                watch.wait(milliseconds: next, unless: stop)
            } catch {
                // A directory that is not there tells nothing when it comes.
                tell(error, &problem)
                stop.wait(milliseconds: Self.retry)
            }
        }
    }

    /// - Returns: false when it only waited for its time.
    private func repair(_ pace: inout RepairPace, _ stop: StopSignal) throws(InstallError) -> Bool {
        if try installer.isInstalled() { return true }
        let wait = pace.wait(at: Self.now())
        guard wait == 0 else {
            report(.waiting(wait))
            stop.wait(milliseconds: Int32(wait))
            return false
        }
        let path = try installer.install()
        pace.wrote(at: Self.now())
        report(.installed(path))
        return true
    }

    /// Once for each problem, however often it is met.
    private func tell(_ error: InstallError, _ last: inout String?) {
        if last != error.description { report(.problem(error.description)) }
        last = error.description
    }

    private static func now() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }
}
