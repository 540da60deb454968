package jdk.internal.crac;

import jdk.internal.crac.mirror.impl.CheckpointOpenFileException;
import jdk.internal.standin.LiveJdkObjects;

/** Claims the descriptor of a file that was opened by its path. */
final class JDKFileResource {
  private JDKFileResource() {}

  static void beforeCheckpoint(
      ClaimedFDs claimedFds, PersistentPaths persistent, LiveJdkObjects.OpenFile file) {
    if (persistent.contains(file.path)) {
      LoggerContainer.info(file.path + " is recorded as always available on restore");
      claimedFds.claimFd(file.fd, file.object);
      return;
    }
    claimedFds.claimFd(
        file.fd, file.object, () -> new CheckpointOpenFileException(file.path, null));
  }
}
