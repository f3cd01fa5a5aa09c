import Foundation
import TestSupport
import Testing

@testable import WeirNFT

struct ToolTests {
    /// A program that does not end is killed, and that is said.
    @Test func aProgramThatHangs() {
        let start = ContinuousClock.now
        let error = #expect(throws: NFTError.self) { _ = try Tool.run(["/bin/sleep", "100"], input: "", limit: 1) }
        #expect(error?.description == "/bin/sleep 100 did not end within 1 s and was killed")
        #expect(ContinuousClock.now - start < .seconds(60))
    }

    @Test func whatItSays() throws {
        let result = try Tool.run(["/bin/sh", "-c", "cat; echo no >&2; exit 3"], input: "yes")
        #expect(result.status == 3 && result.output == "yes" && result.errors == "no\n")
    }
}

/// Root runs no program that others may have written.
@Suite(.enabled(if: geteuid() == 0, "only root can give files away"))
struct ToolOwnerTests {
    @Test(arguments: [
        "another's file", "a file that others may write", "another's folder", "a folder that others may write",
    ])
    func programsOfOthers(_ kind: String) throws {
        let folder = Workspace.newPath("tools")
        mkdir(folder, 0o755)
        let tool = "\(folder)/nft"
        symlink("/bin/true", "\(folder)/ip")
        try "#!/bin/sh\n".write(toFile: tool, atomically: false, encoding: .utf8)
        chmod(tool, 0o755)
        #expect(Tool.find("nft", [folder]) == tool && Tool.find("ip", [folder]) == "\(folder)/ip")
        switch kind {
        case "another's file": chown(tool, 1000, 0)
        case "another's folder": chown(folder, 1000, 0)
        case "a file that others may write": chmod(tool, 0o757)
        default: chmod(folder, 0o775)
        }
        #expect(Tool.find("nft", [folder]) == nil)
        #expect(Tool.find("nft", [folder, "/usr/sbin"]) == "/usr/sbin/nft")
        let error = #expect(throws: NFTError.self) { _ = try NFT(folders: [folder]) }
        #expect(error?.description.hasPrefix("\(tool) is not run, because others than root may change it") == true)
    }
}
