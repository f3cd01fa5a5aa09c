import Foundation
import Synchronization

/// Starts processes from one thread that stays.
///
/// `weir-exercise in` asks the kernel to kill its command when its parent dies (PR_SET_PDEATHSIG), and the kernel
/// means the parent's *thread*. The threads that run Swift tasks come and go, so none of them may be that parent.
final class Spawner: Sendable {
    static let shared = Spawner()

    struct Request: Sendable {
        var arguments: [String]
        var environment: [String]
        /// The child's standard input, output and error; `weir-exercise in` closes all others.
        var descriptors: [Int32]
    }

    private final class Job: Sendable {
        let request: Request
        let error = Mutex<Int32>(0)
        let pid = Mutex<pid_t>(0)
        let done = DispatchSemaphore(value: 0)

        init(_ request: Request) { self.request = request }
    }

    private let jobs = Mutex<[Job]>([])
    private let wake = DispatchSemaphore(value: 0)

    private init() {
        Thread.detachNewThread { [self] in
            while true {
                wake.wait()
                run(jobs.withLock { $0.removeFirst() })
            }
        }
    }

    /// The new process's id.
    func spawn(_ request: Request) throws -> pid_t {
        let job = Job(request)
        jobs.withLock { $0.append(job) }
        wake.signal()
        job.done.wait()
        let error = job.error.withLock { $0 }
        guard error == 0 else {
            throw TestError("\(request.arguments.joined(separator: " ")): \(String(cString: strerror(error)))")
        }
        return job.pid.withLock { $0 }
    }

    private func run(_ job: Job) {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        for (number, descriptor) in job.request.descriptors.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(number))
        }
        var attributes = posix_spawnattr_t()
        var none = sigset_t()
        var all = sigset_t()
        posix_spawnattr_init(&attributes)
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        let arguments = job.request.arguments.map { strdup($0) } + [nil]
        let environment = job.request.environment.map { strdup($0) } + [nil]
        var pid: pid_t = 0
        let error = posix_spawn(&pid, job.request.arguments[0], &actions, &attributes, arguments, environment)
        for text in arguments + environment { free(text) }
        posix_spawn_file_actions_destroy(&actions)
        posix_spawnattr_destroy(&attributes)
        job.error.withLock { $0 = error }
        job.pid.withLock { [pid] in $0 = pid }
        job.done.signal()
    }
}
