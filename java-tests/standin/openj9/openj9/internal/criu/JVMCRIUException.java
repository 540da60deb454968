package openj9.internal.criu;

/** What all exceptions of a checkpoint or a restore are. */
public abstract class JVMCRIUException extends RuntimeException {
  private int errorCode;

  JVMCRIUException(String message, int errorCode) {
    super(message);
    this.errorCode = errorCode;
  }

  JVMCRIUException(String message, int errorCode, Throwable cause) {
    super(message, cause);
    this.errorCode = errorCode;
  }

  public int getErrorCode() {
    return errorCode;
  }

  public void setErrorCode(int errorCode) {
    this.errorCode = errorCode;
  }
}
