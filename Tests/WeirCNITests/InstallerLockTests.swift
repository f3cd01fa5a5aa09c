import Foundation
import TestSupport
import Testing

@testable import WeirCNI

struct InstallerLockTests {
    /// Whoever may read the folder may lock it; the installer does not care.
    @Test func aLockOnTheFolder() throws {
        let directory = try Directory()
        try directory.write("10-a.conflist", try Golden.text("flannel.conflist"))
        let raw = open(directory.conf, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { close(raw) }
        #expect(flock(raw, LOCK_EX) == 0)
        try directory.installer().install()
        #expect(try directory.installer().isInstalled())
        #expect(try directory.installer().uninstall())
    }

    /// Another installer is waited for, but not for ever, and is named.
    @Test func anotherInstaller() throws {
        let path = Workspace.newPath("cni.lock")
        do {
            let first = try InstallerLock(path)
            defer { withExtendedLifetime(first) {} }
            var information = stat()
            #expect(stat(path, &information) == 0 && information.st_mode & 0o777 == 0o600)
            let error = #expect(throws: InstallError.self) { _ = try InstallerLock(path, patience: 1000) }
            #expect(
                error?.description.hasPrefix("another installer of the CNI plugin has held \(path) for 1 s; ") == true)
        }
        #expect(access(path, F_OK) != 0)
        _ = try InstallerLock(path, patience: 0)
    }

    /// A link that somebody put there leads nowhere.
    @Test func aLinkInItsPlace() throws {
        let path = Workspace.newPath("cni.lock")
        let other = try Workspace.write("other")
        #expect(symlink(other, path) == 0)
        #expect(throws: InstallError.self) { _ = try InstallerLock(path, patience: 0) }
        #expect(access(other, F_OK) == 0)
    }
}
