package jdk.crac;

/** The public way to a checkpoint. */
public class Core {
  private static final Context<Resource> globalContext = new GlobalContext();

  private Core() {}

  public static Context<Resource> getGlobalContext() {
    return globalContext;
  }

  /** Takes a checkpoint; returns after it, or after the restore. */
  public static void checkpointRestore() throws CheckpointException, RestoreException {
    try {
      jdk.internal.crac.mirror.Core.checkpointRestore();
    } catch (jdk.internal.crac.mirror.CheckpointException e) {
      CheckpointException wrapper = new CheckpointException();
      for (Throwable suppressed : e.getSuppressed()) {
        wrapper.addSuppressed(suppressed);
      }
      throw wrapper;
    } catch (jdk.internal.crac.mirror.RestoreException e) {
      RestoreException wrapper = new RestoreException();
      for (Throwable suppressed : e.getSuppressed()) {
        wrapper.addSuppressed(suppressed);
      }
      throw wrapper;
    }
  }
}
