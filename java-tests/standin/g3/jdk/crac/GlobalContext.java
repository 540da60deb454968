package jdk.crac;

import jdk.internal.crac.mirror.Core;

/** The JDK's global context as users of the public API see it. */
final class GlobalContext extends Context<Resource> {
  @Override
  public void register(Resource resource) {
    Core.getGlobalContext().register(new Adapter(resource));
  }

  @Override
  public void beforeCheckpoint(Context<? extends Resource> context) {
    throw new UnsupportedOperationException("Only the JDK starts a checkpoint");
  }

  @Override
  public void afterRestore(Context<? extends Resource> context) {
    throw new UnsupportedOperationException("Only the JDK starts a checkpoint");
  }

  private final class Adapter implements jdk.internal.crac.mirror.Resource {
    private final Resource resource;

    Adapter(Resource resource) {
      this.resource = resource;
    }

    @Override
    public void beforeCheckpoint(
        jdk.internal.crac.mirror.Context<? extends jdk.internal.crac.mirror.Resource> context)
        throws Exception {
      try {
        resource.beforeCheckpoint(GlobalContext.this);
      } catch (CheckpointException e) {
        if (e.getSuppressed().length == 0) {
          throw e;
        }
        jdk.internal.crac.mirror.CheckpointException inner =
            new jdk.internal.crac.mirror.CheckpointException();
        for (Throwable suppressed : e.getSuppressed()) {
          inner.addSuppressed(suppressed);
        }
        throw inner;
      }
    }

    @Override
    public void afterRestore(
        jdk.internal.crac.mirror.Context<? extends jdk.internal.crac.mirror.Resource> context)
        throws Exception {
      try {
        resource.afterRestore(GlobalContext.this);
      } catch (RestoreException e) {
        if (e.getSuppressed().length == 0) {
          throw e;
        }
        jdk.internal.crac.mirror.RestoreException inner =
            new jdk.internal.crac.mirror.RestoreException();
        for (Throwable suppressed : e.getSuppressed()) {
          inner.addSuppressed(suppressed);
        }
        throw inner;
      }
    }
  }
}
