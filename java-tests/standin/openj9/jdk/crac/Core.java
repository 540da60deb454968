package jdk.crac;

import java.nio.file.Paths;
import openj9.internal.criu.InternalCRIUSupport;
import openj9.internal.criu.InternalCRIUSupport.HookMode;

/** CRaC's interface on top of the same native: whatever is thrown is the cause of what leaves. */
public class Core {
  private static final Context<Resource> globalContext = new HookContext();

  private Core() {}

  public static Context<Resource> getGlobalContext() {
    return globalContext;
  }

  public static void checkpointRestore() throws CheckpointException, RestoreException {
    if (!InternalCRIUSupport.isCRaCSupportEnabled()) {
      throw new UnsupportedOperationException("CRaC support is not enabled");
    }
    try {
      InternalCRIUSupport.getInternalCRIUSupport()
          .setImageDir(Paths.get(InternalCRIUSupport.getCRaCCheckpointToDir()))
          .setShellJob(true)
          .setTCPEstablished(true)
          .setFileLocks(true)
          .checkpointJVM();
    } catch (Throwable t) {
      throw new CheckpointException(t);
    }
  }

  private static final class HookContext extends Context<Resource> {
    @Override
    public void register(Resource resource) {
      InternalCRIUSupport.getInternalCRIUSupport()
          .registerPreCheckpointHook(
              () -> {
                try {
                  resource.beforeCheckpoint(this);
                } catch (Exception e) {
                  throw new IllegalStateException(e);
                }
              },
              HookMode.CONCURRENT_MODE,
              InternalCRIUSupport.LOWEST_USER_HOOK_PRIORITY);
      InternalCRIUSupport.getInternalCRIUSupport()
          .registerPostRestoreHook(
              () -> {
                try {
                  resource.afterRestore(this);
                } catch (Exception e) {
                  throw new IllegalStateException(e);
                }
              },
              HookMode.CONCURRENT_MODE,
              InternalCRIUSupport.LOWEST_USER_HOOK_PRIORITY);
    }

    @Override
    public void beforeCheckpoint(Context<? extends Resource> context) {
      throw new UnsupportedOperationException("beforeCheckpoint of the global context");
    }

    @Override
    public void afterRestore(Context<? extends Resource> context) {
      throw new UnsupportedOperationException("afterRestore of the global context");
    }
  }
}
